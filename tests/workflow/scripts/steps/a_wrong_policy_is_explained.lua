-- A wrong retry is named.
-- expect-error: retry.backoff is "exponential", "linear" or "constant"
return { run = function() step("s", { retry = { backoff = "slow" } }, function() end) end }
