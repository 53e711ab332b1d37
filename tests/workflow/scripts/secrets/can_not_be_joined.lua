-- A secret can't be concatenated.
-- env: MY_TOKEN=verysecretvalue
-- expect-error: a secret can't be joined, compared or read
return { run = function() return "token: " .. secret("MY_TOKEN") end }
