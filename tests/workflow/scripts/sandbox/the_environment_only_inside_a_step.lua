-- os.getenv outside a step says where it works.
-- expect-error: os.getenv works only inside step()
return { run = function() return os.getenv("PATH") end }
