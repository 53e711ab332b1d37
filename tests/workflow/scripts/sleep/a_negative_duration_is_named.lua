-- Less than nothing is no duration.
-- expect-error: is no duration
return { run = function() sleep(-1) end }
