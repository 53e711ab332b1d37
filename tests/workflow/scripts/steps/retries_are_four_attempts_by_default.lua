-- A step is tried 4 times where nothing else is said (waits shortened here).
-- expect: {"attempts":[1,2,3,4],"message":true}
return {
  run = function()
    local attempts = {}
    local _, err = pcall(step, "fails", { retry = { initial = 0.001 } }, function(ctx)
      attempts[#attempts + 1] = ctx.attempt
      error("always")
    end)
    return { attempts = attempts, message = err.message:find("always", 1, true) ~= nil }
  end,
}
