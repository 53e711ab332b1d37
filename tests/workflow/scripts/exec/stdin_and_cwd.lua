-- stdin is what the child reads, cwd where it runs.
-- expect: ["fed","/"]
return {
  run = function()
    local fed = exec({ cmd = "cat", stdin = "fed" }).stdout
    return { fed, (exec({ cmd = "pwd", cwd = "/" }).stdout:gsub("\n", "")) }
  end,
}
