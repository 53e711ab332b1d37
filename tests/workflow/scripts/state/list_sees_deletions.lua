-- A deleted key isn't listed any more.
-- expect: ["k/2"]
return {
  run = function()
    state.set("k/1", true)
    state.set("k/2", true)
    state.set("k/1", nil)
    return state.list("k/")
  end,
}
