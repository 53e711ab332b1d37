-- Steps of the same name in different branches, nested too, are different steps.
-- expect: {"l":["l/in","l/in2"],"r":[["r/x"],["r/y"]]}
return {
  run = function()
    return parallel({
      l = function()
        return { step("in", function() return "l/in" end), step("in", function() return "l/in2" end) }
      end,
      r = function()
        return parallel({
          function() return { step("in", function() return "r/x" end) } end,
          function() return { step("in", function() return "r/y" end) } end,
        })
      end,
    })
  end,
}
