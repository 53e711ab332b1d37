-- What a workflow finds as globals, for luacheck.
std = "lua54"
max_line_length = 110
read_globals = {
  "step", "sleep", "sleep_until", "http", "llm", "agent", "exec", "parallel", "invoke", "start",
  "state", "wait_for", "continue_as", "now", "uuid", "random", "log", "secret", "settings", "fatal",
  "json", "cjson", "judge", "logs", "redact", "fence", "hash",
}
exclude_files = { "stdlib/tend.d.lua" }
