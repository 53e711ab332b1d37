-- A table with a metatable of the script's is refused: it would come back without it.
-- expect-error: result is a table with a metatable
return { run = function() return step("bad", function() return setmetatable({}, {}) end) end }
