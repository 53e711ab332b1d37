-- now() inside a step is the clock's, not the journal's.
-- expect: true
return {
  run = function()
    return step("look", function()
      local first = now()
      local until_clock = os.clock() + 0.02
      while os.clock() < until_clock do end
      return now() > first
    end)
  end,
}
