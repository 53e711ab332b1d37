-- os.execute doesn't exist; the error says what to use.
-- expect-error: os.execute doesn't exist in a workflow: use exec
return { run = function() return step("s", { retry = false }, function() os.execute("true") end) end }
