-- Outside steps now() is the time of the branch's latest entry, a double of seconds.
-- expect: true
return {
  run = function()
    local first = now()
    assert(math.type(first) == "float" and first > 1.7e9 and now() == first)
    step("wait", function()
      local until_clock = os.clock() + 0.01
      while os.clock() < until_clock do end
    end)
    local second = now()
    assert(second > first and os.time() == math.floor(second), "it stands still between entries")
    return os.date("!%Y", 0) == "1970"
  end,
}
