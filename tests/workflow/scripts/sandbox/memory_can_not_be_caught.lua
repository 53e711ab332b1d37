-- A run that wants too much memory ends, whatever it catches.
-- expect-error: limits.memory
return {
  run = function()
    local ok = pcall(function()
      local all = {}
      for i = 1, 1e9 do all[i] = { i } end
    end)
    return ok
  end,
}
