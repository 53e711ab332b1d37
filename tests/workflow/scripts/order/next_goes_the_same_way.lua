-- next gives the keys in the order of pairs; an empty table gives nil.
-- expect: ["1","2","a","b"]
return {
  run = function()
    local all, keys, key = { b = 1, [2] = 1, a = 1, [1] = 1 }, {}, nil
    assert(next({}) == nil)
    repeat
      key = next(all, key)
      keys[#keys + 1] = key and tostring(key)
    until key == nil
    return keys
  end,
}
