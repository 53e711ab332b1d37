-- A child that a signal ended is a failure that names it.
-- expect-error: was ended by signal 9
return { run = function() exec({ cmd = "sh", args = { "-c", "kill -9 $$" }, retry = false }) end }
