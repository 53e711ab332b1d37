-- A value 201 levels deep is an error, not a crash.
-- expect-error: nested deeper than 200
return {
  run = function()
    return step("deep", function()
      local value = {}
      for _ = 2, 201 do value = { value } end
      return value
    end)
  end,
}
