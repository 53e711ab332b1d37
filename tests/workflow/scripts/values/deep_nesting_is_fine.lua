-- A value 190 levels deep crosses the journal.
-- expect: 190
return {
  run = function()
    local back = step("deep", function()
      local value = {}
      for _ = 2, 190 do value = { value } end
      return value
    end)
    local depth = 0
    while back do
      depth = depth + 1
      back = back[1]
    end
    return depth
  end,
}
