-- A code that isn't in ok raises kind exec with the response and the end of stderr.
-- expect: {"code":3,"kind":"exec","said":true}
return {
  run = function()
    local _, err = pcall(exec, { cmd = "sh", args = { "-c", "echo because >&2; exit 3" }, retry = false })
    return {
      kind = err.kind, code = err.response.code, said = err.message:find("because", 1, true) ~= nil,
    }
  end,
}
