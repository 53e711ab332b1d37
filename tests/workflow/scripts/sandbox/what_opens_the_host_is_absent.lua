-- No dofile, loadfile, package, string.dump, collectgarbage outside steps; debug has only traceback.
-- expect: ["traceback"]
return {
  run = function()
    assert(dofile == nil and loadfile == nil and package == nil and string.dump == nil)
    assert(loadstring == nil and rawget(_G, "package") == nil)
    local found = {}
    for name in pairs(debug) do found[#found + 1] = name end
    return found
  end,
}
