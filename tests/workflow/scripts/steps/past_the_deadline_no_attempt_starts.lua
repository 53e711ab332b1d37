-- deadline bounds the whole step: no attempt starts after it, the error says so.
-- expect: {"few":true,"kind":"deadline"}
return {
  run = function()
    local calls = 0
    local _, err = pcall(step, "fails", {
      retry = { attempts = 1000, initial = 0.05, backoff = "constant", jitter = false }, deadline = "180ms",
    }, function()
      calls = calls + 1
      error("no")
    end)
    return { few = calls > 1 and calls < 8, kind = err.kind }
  end,
}
