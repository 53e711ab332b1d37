-- A table of functions, or an error.
-- expect-error: parallel takes a table of functions
return { run = function() parallel({ 1 }) end }
