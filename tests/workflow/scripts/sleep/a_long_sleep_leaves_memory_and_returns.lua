-- A wait of more than a moment is a durable timer; locals come back by replay.
-- expect: {"list":[1,2,3],"slept":true}
return {
  run = function()
    local list = {}
    for i = 1, 3 do list[i] = step("n", function() return i end) end
    local first = now()
    sleep(1.2)
    return { list = list, slept = now() - first >= 1.2 }
  end,
}
