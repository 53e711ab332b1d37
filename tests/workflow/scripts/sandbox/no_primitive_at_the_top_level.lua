-- A file's top level uses no primitives; it isn't accepted at all.
-- expect-error: step can't be used at a file's top level
-- expect-exit: 2
step("too early", function() end)
return { run = function() end }
