-- A secret in a log's fields is refused.
-- env: MY_TOKEN=verysecretvalue
-- expect-error: fields.token is a secret
return { run = function() log.info("x", { token = secret("MY_TOKEN") }) end }
