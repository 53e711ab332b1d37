-- pairs goes by booleans, then numbers, then text by bytes.
-- expect: "false true -2 1 1.5 2 10 A B a aa b é"
return {
  run = function()
    local keys = {}
    local all = { b = 1, [10] = 1, a = 1, [2] = 1, A = 1, aa = 1, [1] = 1, [true] = 1, [false] = 1,
      [1.5] = 1, [-2] = 1, ["é"] = 1, B = 1 }
    for key in pairs(all) do keys[#keys + 1] = tostring(key) end
    return table.concat(keys, " ")
  end,
}
