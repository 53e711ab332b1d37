-- string.format shows no address either.
-- expect: true
return {
  run = function()
    return not ("%s"):format({}):find("0x", 1, true)
      and not (pcall(string.format, "%p", {}) and (("%p"):format({})):find("0x", 1, true))
  end,
}
