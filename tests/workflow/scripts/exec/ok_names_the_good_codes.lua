-- ok = {0, 3} takes both.
-- expect: [3,0]
return {
  run = function()
    local ok = { 0, 3 }
    return { exec({ cmd = "sh", args = { "-c", "exit 3" }, ok = ok }).code, exec({ cmd = "true", ok = ok }).code }
  end,
}
