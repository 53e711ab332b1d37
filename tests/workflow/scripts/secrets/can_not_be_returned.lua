-- A secret can't be a step's value.
-- env: MY_TOKEN=verysecretvalue
-- expect-error: result.token is a secret
return { run = function() step("s", function() return { token = secret("MY_TOKEN") } end) end }
