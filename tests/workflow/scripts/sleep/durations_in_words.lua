-- sleep takes seconds and text; a time that is over returns at once.
-- expect: true
return {
  run = function()
    local first = now()
    sleep(0.01)
    sleep("15ms")
    sleep(0)
    sleep_until(now() - 10)
    sleep_until("2001-01-01T00:00:00Z")
    local passed = now() - first
    assert(passed >= 0.025 and passed < 5, passed)
    return true
  end,
}
