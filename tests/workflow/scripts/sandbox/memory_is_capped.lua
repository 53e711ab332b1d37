-- A run that wants more than 256 MiB fails with kind memory; the program goes on to say so.
-- expect-error: memory
return {
  run = function()
    local all = {}
    for i = 1, 100 do all[i] = ("x"):rep(16 * 1024 * 1024) .. i end
    return #all
  end,
}
