-- Values cross by copy: what was one table is two afterwards, and not the original.
-- expect: {"left":{"n":1},"right":{"n":2}}
return {
  run = function()
    local shared = { n = 1 }
    local back = step("copy", function() return { left = shared, right = shared } end)
    back.right.n = 2
    assert(shared.n == 1)
    return back
  end,
}
