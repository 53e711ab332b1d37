-- A longer name is refused.
-- expect-error: longer than 255 bytes
return { run = function() step(("x"):rep(256), function() end) end }
