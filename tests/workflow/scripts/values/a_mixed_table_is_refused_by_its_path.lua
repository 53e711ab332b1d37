-- A table with numbers and names as keys is neither list nor map.
-- expect-error: result.list is a mixed table
return {
  run = function()
    return step("bad", function() return { list = { 1, 2, name = "x" } } end)
  end,
}
