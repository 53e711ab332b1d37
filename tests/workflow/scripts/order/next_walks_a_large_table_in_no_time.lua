-- next(t, k) keeps its place: 20,000 keys, two loops interleaved, keys removed on the way.
-- expect: [20000,20000,0]
return {
  run = function()
    local t, a, b, x, y = {}, 0, 0, nil, nil
    for i = 1, 20000 do t["k" .. i] = i end
    x, y = next(t), next(t)
    while x do
      a, x = a + 1, next(t, x)
      b, y = b + 1, next(t, y)
    end
    local left = 0
    for key in next, t do t[key] = nil end
    for _ in next, t do left = left + 1 end
    return { a, b, left }
  end,
}
