-- The child sees PATH, HOME, LANG, TMPDIR, its mark and what env names; nothing else of tend's.
-- env: NOT_FOR_CHILDREN=1
-- env: TMPDIR=/tmp
-- expect: ["HOME","LANG","OWN","PATH","TEND_MARK","TMPDIR"]
return {
  run = function()
    local names = {}
    for name in exec({ cmd = "env", env = { OWN = "x" } }).stdout:gmatch("([%w_]+)=[^\n]*\n") do
      names[#names + 1] = name
    end
    table.sort(names)
    return names
  end,
}
