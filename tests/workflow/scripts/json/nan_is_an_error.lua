-- NaN can't be written, and the message says where it is.
-- expect-error: list[2] is NaN
return { run = function() return json.encode({ list = { 1, 0 / 0 } }) end }
