-- What can't be read says where.
-- expect-error: line 2, column
return { run = function() return json.decode('{"a": 1,\n "b": }') end }
