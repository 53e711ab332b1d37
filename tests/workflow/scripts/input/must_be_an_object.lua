-- A list or number as input is refused.
-- input: [1]
-- expect-error: the input must be an object, not a list
-- expect-exit: 2
return { run = function() end }
