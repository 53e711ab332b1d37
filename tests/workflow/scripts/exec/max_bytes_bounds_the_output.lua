-- Output beyond max_bytes is cut or refused, and memory stays bounded.
-- expect: true
return {
  run = function()
    local ok, value = pcall(exec, {
      cmd = "sh", args = { "-c", "head -c 3000000 /dev/zero" }, max_bytes = 1000, retry = false,
    })
    if ok then return #value.stdout <= 1000 end
    return value.kind == "exec" and #(value.response and value.response.stdout or "") <= 1000
  end,
}
