-- timeout bounds an attempt: what its function waits for ends, and no pcall there swallows it.
-- expect: {"attempts":[1,2],"kind":"timeout","soon":true}
return {
  run = function()
    local attempts = {}
    local first = now()
    local _, err = pcall(step, "slow", { timeout = "80ms", retry = { attempts = 2, initial = 0.01 } }, function(ctx)
      attempts[#attempts + 1] = ctx.attempt
      pcall(exec, { cmd = "sleep", args = { "20" } })
      return "swallowed"
    end)
    return { kind = err.kind, attempts = attempts, soon = now() - first < 5 }
  end,
}
