-- No primitive inside update's function.
-- expect-error: state.get can't be used inside this function: it must be pure
return { run = function() state.update("k", function() return state.get("other") end) end }
