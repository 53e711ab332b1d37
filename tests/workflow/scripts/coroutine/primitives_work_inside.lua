-- Steps, sleeps and children wait inside a script's coroutines; a generator of steps is one line.
-- expect: ["a","b","c",3]
return {
  run = function()
    local pages = coroutine.wrap(function()
      for _, name in ipairs({ "a", "b", "c" }) do
        sleep("2ms")
        coroutine.yield(step("get " .. name, function() return name end))
      end
    end)
    local out = {}
    for page in pages do out[#out + 1] = page end
    out[#out + 1] = #out
    return out
  end,
}
