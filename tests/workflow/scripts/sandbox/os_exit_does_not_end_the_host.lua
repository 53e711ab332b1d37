-- A script can't end the program.
-- expect-error: os.exit doesn't exist in a workflow
return { run = function() return step("s", { retry = false }, function() os.exit(0) end) end }
