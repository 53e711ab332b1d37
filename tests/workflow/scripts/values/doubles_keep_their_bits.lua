-- A double stays the double that it was, also where it looks like an integer.
-- expect: {"one":1.0,"same":true,"sum":0.30000000000000004,"zero":-0.0}
return {
  run = function()
    local back = step("numbers", function()
      return { sum = 0.1 + 0.2, one = 1.0, zero = -0.0, small = 5e-324, large = 1.7976931348623157e308 }
    end)
    return {
      sum = back.sum, one = back.one, zero = back.zero,
      same = back.small == 5e-324 and back.large == 1.7976931348623157e308
        and math.type(back.one) == "float" and 1 / back.zero < 0,
    }
  end,
}
