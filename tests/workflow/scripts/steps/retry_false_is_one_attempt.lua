-- retry = false tries once.
-- expect: 1
return {
  run = function()
    local calls = 0
    pcall(step, "fails", { retry = false }, function()
      calls = calls + 1
      error("no")
    end)
    return calls
  end,
}
