-- Longer and empty keys are refused.
-- expect: [true,false,false]
return {
  run = function()
    return { (pcall(state.set, ("k"):rep(400), 1)), (pcall(state.set, ("k"):rep(401), 1)), (pcall(state.set, "", 1)) }
  end,
}
