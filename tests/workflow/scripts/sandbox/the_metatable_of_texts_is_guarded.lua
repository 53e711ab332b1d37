-- A script can't reach Lua's own libraries through the texts' metatable.
-- expect: true
return {
  run = function()
    local meta = getmetatable("")
    return meta == false or meta == nil or meta.__index == string
  end,
}
