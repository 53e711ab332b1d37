-- A coroutine shared by two branches makes its steps in the one that resumes it.
-- expect: ["one","two"]
return {
  run = function()
    local shared = coroutine.wrap(function()
      while true do coroutine.yield(step("s", function(ctx) return ctx.idempotency_key end)) end
    end)
    local keys = parallel({ function() return shared() end, function() sleep("5ms") return shared() end })
    assert(keys[1] ~= keys[2])
    return { "one", "two" }
  end,
}
