-- A list with holes is refused.
-- expect-error: result is a list with holes
return { run = function() return step("bad", function() return { [1] = 1, [3] = 3 } end) end }
