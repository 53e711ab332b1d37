-- What can't be written when the step's file is closed for it is the step's failure.
-- expect: [false,"a file that the step left open could not be written"]
return {
  run = function()
    local ok, err = pcall(step, "write", { retry = false }, function()
      local file = assert(io.open("/proc/self/oom_score_adj", "w"))
      file:write("no number") -- kept in memory until the file is closed; the kernel refuses it then
    end)
    return { ok, (tostring(err):match("a file that the step left open could not be written")) }
  end,
}
