-- What can't be written raises the error of json.encode; decoding nonsense raises cjson's.
-- expect: [true,true]
return {
  run = function()
    local ok, err = pcall(cjson.encode, { f = print })
    local ok2, err2 = pcall(cjson.decode, "{nonsense")
    return {
      not ok and tostring(err):find("value.f is a function", 1, true) ~= nil,
      not ok2 and tostring(err2):find("Expected", 1, true) ~= nil,
    }
  end,
}
