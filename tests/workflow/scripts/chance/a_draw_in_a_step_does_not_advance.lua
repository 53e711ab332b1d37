-- What a step draws is fresh and doesn't shift what comes after; replay draws the same again.
-- expect: true
return {
  run = function()
    local before = { random(), uuid(), math.random(1000000) }
    local kept = step("keep", function()
      for _ = 1, 5 do random() uuid() end
      return before
    end)
    local between = { random(), uuid() }
    local kept_too = step("keep", function() return between end)
    sleep(1.3) -- longer than a moment: the run leaves memory and is replayed
    for i = 1, 3 do assert(before[i] == kept[i], i) end
    for i = 1, 2 do assert(between[i] == kept_too[i], i) end
    local after = { random(), uuid() }
    assert(after[1] ~= before[1] and after[2] ~= before[2])
    return true
  end,
}
