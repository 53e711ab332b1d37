-- uuid() is a version 4 UUID, each a new one; random(m, n) stays within, random() below 1.
-- expect: true
return {
  run = function()
    local one, two = uuid(), uuid()
    assert(one ~= two and one:match("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$") and #one == 36, one)
    for _ = 1, 1000 do
      local n, f, m = random(3, 7), random(), math.random(10)
      assert(n >= 3 and n <= 7 and f >= 0 and f < 1 and m >= 1 and m <= 10)
      assert(math.type(n) == "integer" and math.type(f) == "float")
    end
    assert(math.type(math.random(0)) == "integer")
    return true
  end,
}
