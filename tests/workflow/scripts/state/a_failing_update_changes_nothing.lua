-- If update's function raises, the error is raised and the value stays.
-- expect: [1,"no"]
return {
  run = function()
    state.set("k", 1)
    local _, err = pcall(state.update, "k", function() error({ message = "no" }) end)
    return { state.get("k"), err.message }
  end,
}
