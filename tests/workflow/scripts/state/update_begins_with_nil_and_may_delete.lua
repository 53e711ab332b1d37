-- update's function gets nil where there is nothing, and nil from it deletes.
-- expect: [true,5,true]
return {
  run = function()
    local was_nil
    local five = state.update("fresh", function(value)
      was_nil = value == nil
      return 5
    end)
    state.update("fresh", function() return nil end)
    return { was_nil, five, state.get("fresh") == nil }
  end,
}
