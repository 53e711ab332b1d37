-- collectgarbage counts and collects inside a step, and does nothing else.
-- expect: [false,"float",0,false]
return {
  run = function()
    local outside = pcall(collectgarbage)
    local inside = step("collect", function()
      return { math.type(collectgarbage("count")), collectgarbage(), (pcall(collectgarbage, "stop")) }
    end)
    return { outside, inside[1], inside[2], inside[3] }
  end,
}
