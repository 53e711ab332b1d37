-- A walk that begins anew sees keys that were added since an earlier one.
-- expect: ["a","b","c"]
return {
  run = function()
    local t, out = { a = 1, c = 1 }, {}
    for _ in next, t do break end
    next(t, "a")
    t.b = 1
    for key in next, t do out[#out + 1] = key end
    return out
  end,
}
