-- Outside a step cjson's encoder is ours: sorted keys, exact numbers; decoding is cjson's own.
-- expect: {"a":"{\"a\":1,\"b\":[1,2],\"c\":0.1}","decoded":"float","required":true,"same_null":true}
local cjson = require "cjson"
return {
  run = function()
    return {
      a = cjson.encode { c = 0.1, b = { 1, 2 }, a = 1 },
      decoded = math.type(cjson.decode("[1]")[1]),
      required = cjson == _G.cjson,
      same_null = cjson.null == json.null and cjson.decode("null") == json.null,
    }
  end,
}
