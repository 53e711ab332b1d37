-- Asking for binary chunks doesn't help.
-- expect: "nil"
return { run = function() return tostring((load("\27Lua", "x", "b"))) end }
