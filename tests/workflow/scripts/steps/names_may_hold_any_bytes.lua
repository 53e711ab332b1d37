-- Names with / # % and other bytes, the same name again, and the empty one are told apart.
-- expect: [1,2,3,4,5,6]
return {
  run = function()
    local values = {}
    for i, name in ipairs({ "a/b#2", "a/b#2", "a/b", "%", "\xff\0", "" }) do
      values[i] = step(name, function() return i end)
    end
    return values
  end,
}
