-- json.encode writes keys sorted by bytes.
-- expect: "{\"A\":1,\"a\":2,\"b\":3,\"é\":4}"
return { run = function() return json.encode({ b = 3, ["é"] = 4, a = 2, A = 1 }) end }
