-- What can't be started is named.
-- expect-error: no-such-program-here
return { run = function() exec({ cmd = "no-such-program-here", retry = false }) end }
