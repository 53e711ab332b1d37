-- Integers first, then texts by bytes.
-- expect: ["1","2","10","A","a","b"]
return {
  run = function()
    local order, functions = {}, {}
    for _, key in ipairs({ "b", 10, "A", 2, "a", 1 }) do
      functions[key] = function() order[#order + 1] = tostring(key) end
    end
    parallel(functions)
    return order
  end,
}
