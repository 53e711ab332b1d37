-- `cancelled` is raised once: primitives in cleanup work.
-- expect: ["cancelled","cleaned"]
return {
  run = function()
    local seen = {}
    pcall(parallel, {
      fails = function()
        sleep(0.02)
        error("no")
      end,
      holds = function()
        local guard <close> = setmetatable({}, { __close = function(_, err)
          seen[#seen + 1] = err.kind
          sleep(0.01)
          seen[#seen + 1] = step("clean up", function() return "cleaned" end)
        end })
        sleep(20)
      end,
    })
    return seen
  end,
}
