-- ctx.idempotency_key is one for a step's attempts, another for another step.
-- expect: [3,true,true]
return {
  run = function()
    local keys = {}
    step("flaky", { retry = { initial = 0.001 } }, function(ctx)
      keys[#keys + 1] = ctx.idempotency_key
      if ctx.attempt < 3 then error("again") end
    end)
    local other = step("other", function(ctx) return ctx.idempotency_key end)
    return { #keys, keys[1] == keys[2] and keys[2] == keys[3] and #keys[1] >= 16, other ~= keys[1] }
  end,
}
