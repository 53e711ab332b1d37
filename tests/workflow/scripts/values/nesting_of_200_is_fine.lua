-- A value 200 levels deep crosses the journal.
-- expect: 200
return {
  run = function()
    local back = step("deep", function()
      local value = {}
      for _ = 2, 200 do value = { value } end
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
