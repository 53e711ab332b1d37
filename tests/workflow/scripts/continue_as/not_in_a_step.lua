-- continue_as in a step's function is an error.
-- expect-error: continue_as can't be used inside step()
return { run = function() step("s", { retry = false }, function() continue_as {} end) end }
