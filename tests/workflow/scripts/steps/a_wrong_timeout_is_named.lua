-- What is no duration is named.
-- expect-error: timeout is no duration
return { run = function() step("s", { timeout = "soon" }, function() end) end }
