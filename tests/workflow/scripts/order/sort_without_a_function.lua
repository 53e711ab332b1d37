-- Without a comparison numbers and texts sort as < says; wrong values raise.
-- expect: [[1,2,3],["A","a","b"],false]
return {
  run = function()
    local numbers, texts = { 3, 1, 2 }, { "b", "A", "a" }
    table.sort(numbers)
    table.sort(texts)
    return { numbers, texts, (pcall(table.sort, { 1, "x", {} })) }
  end,
}
