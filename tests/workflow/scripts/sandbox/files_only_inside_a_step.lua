-- io outside a step says where it works.
-- expect-error: io.open works only inside step()
return { run = function() return io.open("/dev/null") end }
