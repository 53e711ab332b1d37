-- A secret goes into a child's environment, and is masked in what comes back.
-- env: MY_TOKEN=verysecretvalue
-- expect: {"length":"15","masked":true}
return {
  run = function()
    local env = { TOKEN = secret("MY_TOKEN") }
    local length = exec({ cmd = "sh", args = { "-c", "printf %s ${#TOKEN}" }, env = env }).stdout
    local echoed = exec({ cmd = "sh", args = { "-c", "printf %s $TOKEN" }, env = env }).stdout
    return { length = length, masked = not echoed:find("verysecretvalue", 1, true) and #echoed > 0 }
  end,
}
