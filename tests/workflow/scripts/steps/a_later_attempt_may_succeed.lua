-- The value of the attempt that succeeds is the step's.
-- expect: {"calls":3,"value":"third"}
return {
  run = function()
    local calls = 0
    local value = step("flaky", { retry = { attempts = 5, initial = "1ms", backoff = "constant" } }, function(ctx)
      calls = calls + 1
      if ctx.attempt < 3 then error("not yet") end
      return "third"
    end)
    return { value = value, calls = calls }
  end,
}
