-- What runs share: `state.update` changes a durable value exactly once per run, however often the
-- run is killed, and two runs at the same moment can't overwrite each other.
--
--   tend run examples/shared_state.lua --set visitor=ada     (twice)

---@type tend.Workflow
return {
  description = "Counts visits, over all runs.",
  input = { visitor = "somebody" },
  run = function(input)
    local visits = state.update("visits/" .. input.visitor, function(count)
      return (count or 0) + 1 -- pure: it may run again when another run was faster
    end)
    return { visitor = input.visitor, visits = visits, everyone = state.list("visits/") }
  end,
}
