-- An error of a value is not retried.
-- expect: {"calls":1,"kind":"value"}
return {
  run = function()
    local calls = 0
    local _, err = pcall(step, "bad", function()
      calls = calls + 1
      return print
    end)
    return { calls = calls, kind = err.kind }
  end,
}
