-- Declared keys have defaults; null declares one without.
-- input: {"a": 2}
-- expect: {"a":2,"b":"two","keys":["a","b"]}
return {
  input = { a = 1, b = "two", c = json.null },
  run = function(input)
    local keys = {}
    for key in pairs(input) do keys[#keys + 1] = key end
    assert(input.c == nil)
    return { a = input.a, b = input.b, keys = keys }
  end,
}
