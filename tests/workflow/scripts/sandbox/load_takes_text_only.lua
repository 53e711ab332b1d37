-- load compiles text, and refuses bytecode.
-- expect: {"bytecode":"nil","says":true,"text":42}
return {
  run = function()
    local chunk, message = load("\27Lua\x54\0\x19\x93\r\n\x1a\n")
    return {
      text = load("return 6 * 7")(), bytecode = tostring(chunk),
      says = tostring(message):find("binary", 1, true) ~= nil,
    }
  end,
}
