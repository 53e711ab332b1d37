-- What happens when a step fails: it is tried again after a wait that survives a restart, every
-- failed attempt is recorded, and an error that no attempt can mend is caught like any other.
--
--   tend run examples/try_again.lua
--   tend run examples/try_again.lua --set fails=9     (gives up: exit code 1)

---@type tend.Workflow
return {
  description = "Asks somebody who fails twice, and somebody who fails for good.",
  input = { fails = 2, wait = "2s" },
  run = function(input)
    local answer = step("ask somebody moody", {
      retry = { attempts = 4, backoff = "constant", initial = input.wait, jitter = false },
    }, function(ctx)
      if ctx.attempt <= input.fails then error("no answer to attempt " .. ctx.attempt) end
      return "an answer to attempt " .. ctx.attempt
    end)

    local ok, problem = pcall(step, "ask nobody", function()
      fatal("there is nobody") -- not tried again
    end)
    assert(not ok)

    return { answer = answer, problem = { kind = problem.kind, message = problem.message } }
  end,
}
