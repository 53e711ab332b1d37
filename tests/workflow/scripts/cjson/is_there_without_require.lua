-- cjson is a global, and new() makes one with the same encoder; inside a step it is cjson's own.
-- expect: ["{\"a\":1.5}","{\"a\":9007199254740993}","{\"a\":9.007199254741e+15}"]
return {
  run = function()
    local mine = cjson.new()
    return {
      cjson.encode { a = 1.5 },
      mine.encode { a = 9007199254740993 },
      step("inside", function() return cjson.encode { a = 9007199254740993 } end),
    }
  end,
}
