-- A step without a value records nil, and the run's result is null.
-- expect: null
return {
  run = function()
    local value = step("nothing", function() end)
    assert(value == nil)
    return value
  end,
}
