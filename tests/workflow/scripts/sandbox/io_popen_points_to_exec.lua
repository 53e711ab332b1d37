-- io.popen doesn't exist; the error says what to use.
-- expect-error: io.popen doesn't exist in a workflow: use exec
return { run = function() return step("s", { retry = false }, function() io.popen("true") end) end }
