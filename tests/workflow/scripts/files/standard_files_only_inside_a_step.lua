-- io.stdout outside a step says where it works; what isn't in io is nil everywhere.
-- expect: [false,true,true]
return {
  run = function()
    local ok, err = pcall(function() return io.stdout end)
    return { ok, err.message:find("only inside step()", 1, true) ~= nil, io.nothing == nil }
  end,
}
