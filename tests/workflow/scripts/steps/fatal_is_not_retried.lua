-- fatal() ends the step at once.
-- expect: {"calls":1,"kind":"fatal","message":true}
return {
  run = function()
    local calls = 0
    local _, err = pcall(step, "fails", function()
      calls = calls + 1
      fatal("give up")
    end)
    return { calls = calls, kind = err.kind, message = err.message:find("give up", 1, true) ~= nil }
  end,
}
