-- Integers beyond 64 bits become doubles; beyond a double's range they are an error with a place.
-- expect: {"big":1.8446744073709552e+19,"said":true}
return {
  run = function()
    local ok, err = pcall(json.decode, "[1, 1e999]")
    return {
      big = json.decode("18446744073709551616"),
      said = not ok and tostring(err):find("column", 1, true) ~= nil,
    }
  end,
}
