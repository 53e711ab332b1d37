-- An error outside steps ends the run as failed, with file and line on stderr and nothing on stdout.
-- expect-error: an_uncaught_error_fails_the_run.lua:3: surprise
return { run = function() error("surprise") end }
