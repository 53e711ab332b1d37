-- null survives both ways and is a value in Lua.
-- expect: [true,"[null,{\"a\":null}]"]
return {
  run = function()
    local value = json.decode('[null,{"a":null}]')
    return { value[1] == json.null and value[1] ~= nil, json.encode(value) }
  end,
}
