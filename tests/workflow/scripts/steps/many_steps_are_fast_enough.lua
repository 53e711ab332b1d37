-- 3,000 pure steps: their results are queued, the run goes on, all are there.
-- expect: [3000,4501500]
return {
  run = function()
    local sum = 0
    for i = 1, 3000 do sum = sum + step("n", function() return i end) end
    return { 3000, sum }
  end,
}
