-- A 64-bit integer comes back from the journal as the same integer.
-- expect: [9007199254740993,9223372036854775807,-9223372036854775808,0,-1,128,65536]
return {
  run = function()
    return step("numbers", function()
      return { 9007199254740993, math.maxinteger, math.mininteger, 0, -1, 128, 65536 }
    end)
  end,
}
