-- timeout bounds an attempt.
-- expect: {"kind":"timeout","soon":true}
return {
  run = function()
    local first = now()
    local _, err = pcall(exec, { cmd = "sleep", args = { "20" }, timeout = "100ms", retry = false })
    return { kind = err.kind, soon = now() - first < 5 }
  end,
}
