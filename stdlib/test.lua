-- Tests of workflows, for files that `tend test` runs (docs/testing.md). A case begins runs on the
-- real engine: real journal, retries and replay; but its own functions answer instead of the
-- outside, and time passes at once. Here is what a case says and checks; the engine is asked
-- through `runner`, which the C side provides.

-- luacheck: globals test_runner
local runner = test_runner
if not runner then
  error('require "test" is for files whose name ends in _test.lua; run them with `tend test`', 0)
end
test_runner = nil

local test = {}

-- Where something is said ---------------------------------------------------------------------

local function frames(traceback)
  return traceback:gmatch("\n%s+([^\n]-:%d+): in ")
end

local OWN = frames(debug.traceback("", 1))():match("^(.*):%d+$")

-- The innermost place in the test's own file; outside of it, the innermost that isn't here.
local function place(file, traceback)
  local outside
  for at in frames(traceback) do
    local name = at:match("^(.*):%d+$")
    if name == file then return at end
    if name ~= OWN and not outside then outside = at end
  end
  return outside or file
end

local Failure = { __tostring = function(failure) return failure.message end }

local function fail(self, message)
  error(setmetatable({ message = message, at = place(self.file, debug.traceback("", 1)) }, Failure), 0)
end

-- Values as people read them ------------------------------------------------------------------

local function cut(text, size)
  return #text > size and text:sub(1, size) .. "…" or text
end

local function show_key(key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return "." .. key end
  return type(key) == "string" and ("[%q]"):format(key) or ("[%s]"):format(tostring(key))
end

local show

local function show_table(value, depth)
  if depth > 5 then return "{…}" end
  local parts, last = {}, 0
  for key, item in pairs(value) do
    if key == last + 1 then
      last = key
      parts[#parts + 1] = show(item, depth + 1)
    else
      parts[#parts + 1] = ("%s = %s"):format(show_key(key):gsub("^%.", ""), show(item, depth + 1))
    end
    if #parts > 40 then parts[#parts + 1] = "…" break end
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

function show(value, depth)
  if value == json.null then return "json.null" end
  if type(value) == "string" then return (("%q"):format(cut(value, 400)):gsub("\\\n", "\\n")) end
  if type(value) == "table" then return show_table(value, depth or 1) end
  return tostring(value)
end

local DIFFERENCES = 10

local function add_difference(found, path, expected, actual)
  if #found == DIFFERENCES then found[#found + 1] = "…" end
  if #found > DIFFERENCES then return end
  found[#found + 1] = ("%s: expected %s, is %s"):format(path, cut(show(expected), 400),
    cut(show(actual), 400))
end

-- Adds where `actual` differs. `is_part`: what `expected` doesn't name may be anything.
local function compare(found, path, expected, actual, is_part)
  if type(expected) ~= "table" or type(actual) ~= "table" then
    local same = expected == actual
      or (type(expected) == "userdata" and tostring(expected) == tostring(actual))
    if not same then add_difference(found, path, expected, actual) end
    return
  end
  for key, item in pairs(expected) do
    compare(found, path .. show_key(key), item, actual[key], is_part)
  end
  for key, item in pairs(is_part and {} or actual) do
    if expected[key] == nil then add_difference(found, path .. show_key(key), nil, item) end
  end
end

local function check_same(self, expected, actual, what, is_part)
  local found = {}
  compare(found, what or "value", expected, actual, is_part)
  if #found > 0 then fail(self, table.concat(found, "\n")) end
end

-- Lengths of time -----------------------------------------------------------------------------

local UNITS = { d = 86400, h = 3600, m = 60, s = 1, ms = 0.001 }

-- In microseconds, of seconds or text such as "1h30m".
local function microseconds(self, length)
  if type(length) == "number" and length >= 0 then return math.floor(length * 1000000) end
  local total, read_to = 0, 1
  for at, count, unit, next_at in tostring(length):gmatch("()(%d+)(%a+)()") do
    if at ~= read_to or not UNITS[unit] then break end
    total, read_to = total + count * UNITS[unit], next_at
  end
  if read_to == 1 or read_to ~= #tostring(length) + 1 then
    fail(self, ("%s is no length of time; it is seconds or text such as \"1h30m\"")
      :format(show(length)))
  end
  return math.floor(total * 1000000)
end

-- Calls and patterns --------------------------------------------------------------------------

-- `*` is any text. An exec pattern also fits where it is the beginning of the command line.
local function fits(pattern, line)
  local plain = pattern:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*")
  return line:find("^" .. plain .. "$") ~= nil
end

local function command_line(options)
  local words = { options.cmd }
  for _, word in ipairs(options.args or {}) do words[#words + 1] = tostring(word) end
  return table.concat(words, " ")
end

local function parse_url(request)
  local rest = request.url:gsub("^%a+://", ""):gsub("^[^/@]*@", "")
  request.host = rest:match("^[^/?#]*")
  request.path = rest:match("^[^/?#]*([^?#]*)")
  request.method = (request.method
    or ((request.json or request.body or request.form) and "POST" or "GET")):upper()
  return ("%s %s%s"):format(request.method, request.host, request.path)
end

-- How a call is written in patterns and messages.
local LINE = {
  http = parse_url, exec = command_line,
  llm = function(request) return request.name end,
  agent = function(request) return request.name end,
  invoke = function(request) return request.workflow end,
  start = function(request) return request.workflow end,
}

-- The name of a step, out of its key.
local function name_of(key)
  return (key:match("[^/]*$"):gsub("#%d+$", ""):gsub("%%(%x%x)", function(code)
    return string.char(tonumber(code, 16))
  end))
end

-- A call as the case's functions see it: its options, and who makes it.
local function request_of(call)
  local request = {}
  for key, value in pairs(call.options) do request[key] = value end
  request.kind, request.run, request.key, request.where =
    call.kind, call.run, call.key, call.where
  request.attempt, request.idempotency_key = call.attempt, call.idempotency_key
  request.name = name_of(call.key)
  request.line = LINE[call.kind](request)
  return request
end

local function mock_fits(mock, request)
  if mock.kind ~= request.kind then return false end
  local pattern = mock.pattern
  if not pattern or fits(pattern, request.line) or fits(pattern, request.name) then return true end
  if request.kind == "exec" then return fits(pattern .. " *", request.line) end
  return request.kind == "http" and fits(pattern, request.line:match(" (.*)"))
end

-- What was said last goes first, so that a case can say better than a helper did.
local function find_mock(self, request)
  for index = #self.mocks, 1, -1 do
    if mock_fits(self.mocks[index], request) then return self.mocks[index] end
  end
end

-- A failure that swallowing doesn't undo: the case has failed, whatever it makes of the error.
local function break_case(self, message)
  self.broken = self.broken or { message = message,
    at = place(self.file, debug.traceback("", 1)) }
  fail(self, message)
end

local function not_mocked(self, request)
  local hint = request.kind == "invoke" and (", or t.real(%q) has it really run"):format(request.line)
    or ""
  break_case(self, ("%s: %s %q is not mocked; t.%s(%q, …) would answer it%s"):format(request.where,
    request.kind, request.line, request.kind, request.line, hint))
end

-- Answers -------------------------------------------------------------------------------------

---@class tend.test.Failure what a mocked call fails with
local FailureOfCall = {}

---What a mocked call fails with, as an answer: {message, kind?, retryable?}.
---@param fields {message: string?, kind: string?, retryable: boolean?}
function test.failure(fields)
  return setmetatable({ fields = fields or {} }, FailureOfCall)
end

---As an answer: none comes. The call ends with its timeout.
test.never = setmetatable({}, { __tostring = function() return "test.never" end })

local function refuse_unknown(self, given, known, what)
  for key in pairs(given) do
    if not known[key] then fail(self, ("%s has no %s"):format(what, show(key))) end
  end
end

local function set(...)
  local names = {}
  for _, name in ipairs { ... } do names[name] = true end
  return names
end

local HTTP = set("status", "headers", "body", "json", "url")

local function http_answer(self, given, request)
  if type(given) == "number" then given = { status = given } end
  if type(given) == "string" then given = { body = given } end
  refuse_unknown(self, given, HTTP, "an answer to http")
  local headers = {}
  for name, value in pairs(given.headers or {}) do headers[name:lower()] = tostring(value) end
  local body = given.body
  if given.json ~= nil then
    body = json.encode(given.json)
    headers["content-type"] = headers["content-type"] or "application/json"
  end
  return { status = given.status or 200, headers = headers, body = body or "",
    url = given.url or request.url }
end

local EXEC = set("code", "stdout", "stderr", "signal")

local function exec_answer(self, given)
  if type(given) == "number" then given = { code = given } end
  if type(given) == "string" then given = { stdout = given } end
  refuse_unknown(self, given, EXEC, "an answer to exec")
  return { code = given.signal and -1 or given.code or 0, signal = given.signal,
    stdout = given.stdout or "", stderr = given.stderr or "" }
end

local function llm_answer(_, given, request)
  if type(given) == "string" then given = { text = given } end
  local answer = { finish_reason = "stop", usage = { input = 0, output = 0 }, cost = 0,
    model = type(request.model) == "string" and request.model or "mock" }
  for key, value in pairs(given) do answer[key] = value end
  if answer.json == nil and request.schema and answer.text then
    local ok, decoded = pcall(json.decode, answer.text)
    answer.json = ok and decoded or nil
  end
  answer.text = answer.text or json.encode(answer.json)
  return answer
end

local function agent_answer(_, given)
  if type(given) == "string" then given = { text = given } end
  local answer = { session_id = "ses_test", text = "", finish_reason = "stop", cost = 0,
    usage = { input = 0, output = 0 } }
  for _, list in ipairs { "todos", "diff", "files", "commands" } do answer[list] = json.array {} end
  for key, value in pairs(given) do answer[key] = value end
  return answer
end

local SHAPE = {
  http = http_answer, exec = exec_answer, llm = llm_answer, agent = agent_answer,
  invoke = function(_, given) return given end,
  start = function(_, given, request) return given or request.id or "started-" .. request.line end,
}
local MAY_BE_NIL = { invoke = true, start = true }

local function failure_of(given, request)
  local fields = given.fields
  local message = fields.message or request.kind .. " failed"
  if request.kind == "invoke" then
    return { kind = "child", retryable = false, cause = fields,
      message = ("%s (run mocked) failed: %s"):format(request.line, message) }
  end
  local error_value = { kind = request.kind, retryable = true, message = message }
  for key, value in pairs(fields) do error_value[key] = value end
  return error_value
end

local function next_of(self, mock, request)
  mock.used = (mock.used or 0) + 1
  if type(mock.answer) == "function" then return mock.answer(request) end
  if type(mock.answer) ~= "table" or #mock.answer == 0 then return mock.answer end
  if mock.used > #mock.answer then
    break_case(self, ("%s: %s %q was called %d times; there are only %d answers"):format(
      request.where, request.kind, request.line, mock.used, #mock.answer))
  end
  local answer = mock.answer[mock.used]
  return type(answer) == "function" and answer(request) or answer
end

-- {value} or {error}; nil where none comes.
local function answer_of(self, mock, request)
  local given = next_of(self, mock, request)
  if given == test.never or self.is_crashing then return nil end
  if getmetatable(given) == FailureOfCall then return { error = failure_of(given, request) } end
  if given == nil and not MAY_BE_NIL[request.kind] then
    fail(self, ("the answer to %s %q is nil"):format(request.kind, request.line))
  end
  return { value = SHAPE[request.kind](self, given, request) }
end

-- Time and what waits for it ------------------------------------------------------------------

-- After so long the real call would have given up.
local TIMEOUTS = { http = "60s", llm = "5m", agent = "30m" }

local function timeout_of(self, request)
  local timeout = request.timeout or TIMEOUTS[request.kind]
  return timeout and microseconds(self, timeout), timeout
end

local function deliver(self, request, answer)
  request.answer = answer
  answer.call = request.call
  local told = runner("answer", answer)
  if told.refused then
    break_case(self, ("%s: %s %q: %s"):format(request.where, request.kind, request.line, told.refused))
  end
end

local function later(self, us, act, is_call)
  table.insert(self.pending, { due_us = self.now_us + us, act = act, is_call = is_call })
end

-- An answer that takes longer than the call waits for is its timeout.
local function answer_later(self, request, answer, takes_us)
  local timeout_us, timeout = timeout_of(self, request)
  if not takes_us and not timeout_us then return end
  if timeout_us and (not takes_us or takes_us > timeout_us) then
    takes_us = timeout_us
    answer = { error = { kind = "timeout", retryable = true,
      message = ("no answer within %s"):format(tostring(timeout)) } }
  end
  later(self, takes_us, function() deliver(self, request, answer) end, true)
end

local function crash(self)
  self.is_crashing = false
  self.crashes = self.crashes + 1
  for index = #self.pending, 1, -1 do
    if self.pending[index].is_call then table.remove(self.pending, index) end
  end
  runner("crash")
end

local function take_call(self, call)
  local request = request_of(call)
  request.call = call.call
  table.insert(self.calls, request)
  local mock = find_mock(self, request)
  if not mock then not_mocked(self, request) end
  local answer = answer_of(self, mock, request)
  if self.is_crashing then
    crash(self)
  elseif answer and not mock.takes_us then
    deliver(self, request, answer)
  else
    answer_later(self, request, answer, answer and mock.takes_us)
  end
end

local function set_clock(self, now_us)
  self.now_us = now_us
  runner("advance", { to_us = now_us })
end

local function soonest(self, next_us)
  for _, waiting in ipairs(self.pending) do
    if not next_us or waiting.due_us < next_us then next_us = waiting.due_us end
  end
  return next_us
end

local function act_due(self)
  local due, rest = {}, {}
  for _, waiting in ipairs(self.pending) do
    table.insert(waiting.due_us <= self.now_us and due or rest, waiting)
  end
  self.pending = rest
  for _, waiting in ipairs(due) do waiting.act() end
end

-- To the next thing that waits for its time; false where nothing does.
local function pass_time(self, next_us, until_us)
  local due_us = soonest(self, next_us)
  if not due_us or (until_us and due_us > until_us) then
    if until_us and until_us > self.now_us then set_clock(self, until_us) end
    return false
  end
  if due_us > self.now_us then set_clock(self, due_us) end
  act_due(self)
  return true
end

-- Runs ----------------------------------------------------------------------------------------

local AT_REST = set("completed", "failed", "cancelled", "blocked", "stuck")

local function go_on(self, run, until_us)
  while true do
    local event = runner("turn")
    if event.call then
      take_call(self, event.call)
    else
      if run and AT_REST[runner("status", { run = run.id }).status] then return end
      if not pass_time(self, event.next_us, until_us) then return end
    end
  end
end

local function no_null(value)
  if value ~= json.null then return value end
end

local function refresh(run)
  local history = runner("history", { run = run.id })
  local told = history.run
  run.status, run.result, run.error = told.status, no_null(told.result), no_null(told.error)
  run.waits_for, run.started_at, run.ended_at =
    no_null(told.waits_for), told.created_at, no_null(told.ended_at)
  run.steps, run.logs, run.input = {}, history.logs, told.input
  for index, step_of_run in ipairs(history.steps) do
    step_of_run.value, step_of_run.error = no_null(step_of_run.value), no_null(step_of_run.error)
    run.steps[index], run.steps[step_of_run.key] = step_of_run, step_of_run
  end
  return run
end

local function refresh_all(self)
  for _, run in ipairs(self.runs) do refresh(run) end
end

local function open(self)
  if self.is_open then return end
  self.is_open = true
  runner("open", { settings = self.settings, secrets = self.secrets, now_us = self.now_us })
  for _, written in ipairs(self.states) do runner("state_set", written) end
end

local function before_open(self, what)
  if self.is_open then fail(self, ("t.%s comes before the first t.run"):format(what)) end
end

local function send(self, run, name, payload, after)
  later(self, after and microseconds(self, after) or 0, function()
    local told = runner("signal", { run = run.id, name = name, payload = payload })
    if told.refused then break_case(self, ("signal %q: %s"):format(name, told.refused)) end
  end)
end

local function begin(self, workflow, input, options)
  open(self)
  local count = #self.runs + 1
  local begun = runner("begin", { workflow = workflow, input = input,
    id = options.id or ("test-%d"):format(count) })
  if begun.refused then fail(self, begun.refused) end
  local run = { id = begun.id, workflow = workflow, replays = options.replay ~= false }
  self.runs[count] = run
  for _, signal in ipairs(self.signals) do
    send(self, run, signal.name, signal.payload, signal.after)
  end
  self.signals = {}
  return run
end

-- Everything that the run did must come out of its journal again, and nothing else.
local function check_replay(self, run)
  local copy = { id = runner("replay", { run = run.id }).id }
  local event = runner("turn")
  if event.call then
    local request = request_of(event.call)
    fail(self, ("replay of run %s: it makes a call that it had not made: %s: %s %q"):format(run.id,
      request.where, request.kind, request.line))
  end
  refresh(copy)
  if copy.status ~= run.status then
    fail(self, ("replay of run %s: it is %s, but was %s: %s"):format(run.id, copy.status, run.status,
      copy.waits_for or copy.error and copy.error.message or "no more is known"))
  end
  local found = {}
  compare(found, "result", run.result, copy.result)
  if run.error then compare(found, "error.message", run.error.message, copy.error.message) end
  if #found > 0 then
    fail(self, ("replay of run %s ends otherwise: %s"):format(run.id, table.concat(found, "\n")))
  end
end

local function check_replays(self)
  for _, run in ipairs(self.runs) do
    refresh(run)
    if run.replays and (run.status == "completed" or run.status == "failed") then
      check_replay(self, run)
    end
  end
end

-- What a case can say -------------------------------------------------------------------------

---@class tend.test.Case
local methods = {}

local function add_mock(self, kind, pattern, answer, options)
  options = options or {}
  table.insert(self.mocks, { kind = kind, pattern = pattern, answer = answer,
    takes_us = options.takes and microseconds(self, options.takes) })
end

for _, kind in ipairs { "http", "exec", "invoke", "start" } do
  methods[kind] = function(self, pattern, answer, options)
    if type(pattern) ~= "string" then
      fail(self, ("t.%s takes a pattern and an answer"):format(kind))
    end
    add_mock(self, kind, pattern, answer, options)
  end
end

-- t.llm([name], answer): the pattern is a step's name.
for _, kind in ipairs { "llm", "agent" } do
  methods[kind] = function(self, ...)
    local pattern, answer, options = ...
    if select("#", ...) == 1 then pattern, answer = nil, pattern end
    add_mock(self, kind, pattern, answer, options)
  end
end

function methods.real(self, workflow)
  runner("real", { workflow = workflow })
  self.real = true
end

function methods.settings(self, settings_of_case)
  before_open(self, "settings")
  for key, value in pairs(settings_of_case) do self.settings[key] = value end
end

function methods.secret(self, name, value)
  before_open(self, "secret")
  self.secrets[name] = value
end

---The time, in seconds since 1970; with an argument, the time at which the case begins.
function methods.now(self, at)
  if at == nil then return self.now_us / 1000000 end
  before_open(self, "now")
  local told = runner("instant", { at = at })
  if told.refused then fail(self, told.refused) end
  self.now_us = told.now_us
end

function methods.state(self, key, value)
  local written = { key = key, value = value }
  if self.is_open then runner("state_set", written) else table.insert(self.states, written) end
end

function methods.state_of(self, key)
  open(self)
  return runner("state_get", { key = key }).value
end

function methods.signal(self, name, payload, options)
  options = options or {}
  local run = options.run or self.runs[#self.runs]
  if run and not options.run and AT_REST[runner("status", { run = run.id }).status] then run = nil end
  if run then return send(self, run, name, payload, options.after) end
  table.insert(self.signals, { name = name, payload = payload, after = options.after })
end

function methods.run(self, workflow, input, options)
  options = options or {}
  local run = begin(self, workflow, input, options)
  go_on(self, run, options.within and self.now_us + microseconds(self, options.within))
  refresh_all(self)
  return run
end

---Goes on with a run (the latest) until it is at rest, or nothing happens any more.
function methods.go_on(self, run)
  run = run or self.runs[#self.runs]
  go_on(self, run)
  refresh_all(self)
  return run
end

function methods.advance(self, length)
  open(self)
  go_on(self, nil, self.now_us + microseconds(self, length))
  refresh_all(self)
end

function methods.cancel(self, run)
  run = run or self.runs[#self.runs]
  runner("cancel", { run = run.id })
  go_on(self, run, self.now_us)
  refresh_all(self)
end

---Inside a mock's function: the program ends while the call is under way, and starts again.
function methods.crash(self)
  self.is_crashing = true
end

function methods.crashes(self)
  return self.crashes
end

---The calls of a kind that were made so far.
function methods.calls(self, kind, pattern)
  local found = {}
  for _, request in ipairs(self.calls) do
    if mock_fits({ kind = kind or request.kind, pattern = pattern }, request) then
      found[#found + 1] = request
    end
  end
  return found
end

-- Checks ---------------------------------------------------------------------------------------

function methods.equal(self, actual, expected, what)
  check_same(self, expected, actual, what, false)
end

function methods.contains(self, actual, expected, what)
  check_same(self, expected, actual, what, true)
end

function methods.ok(self, value, message)
  if not value then fail(self, message or ("expected something true, is %s"):format(show(value))) end
  return value
end

function methods.match(self, text, pattern)
  if type(text) ~= "string" or not text:find(pattern) then
    fail(self, ("expected text that matches %q, is %s"):format(pattern, show(text)))
  end
end

function methods.raises(self, fn, pattern)
  local ok, problem = pcall(fn)
  if ok then fail(self, "expected an error; there was none") end
  local message = type(problem) == "table" and tostring(problem.message) or tostring(problem)
  if pattern and not message:find(pattern) then
    fail(self, ("expected an error that matches %q, is %s"):format(pattern, show(message)))
  end
  return problem
end

function methods.fail(self, message)
  fail(self, tostring(message))
end

function methods.skip(_, why)
  error({ skipped = why or "skipped" }, 0)
end

-- Files and cases -----------------------------------------------------------------------------

local cases, file = {}, nil

---Adds a case.
---@param name string
---@param fn fun(t: tend.test.Case)
function test.case(name, fn)
  if type(name) ~= "string" or type(fn) ~= "function" then
    error("test.case takes a name and a function", 2)
  end
  local traceback = debug.traceback("", 2)
  local at = frames(traceback)() or "?"
  file = file or at:match("^(.*):%d+$")
  cases[#cases + 1] = { name = name, at = at, fn = fn }
end

-- 2026-01-05 09:00 UTC, a Monday.
local BEGINS_US = 1767603600000000

local function new_case()
  local self = { file = file, mocks = {}, calls = {}, runs = {}, pending = {}, signals = {},
    states = {}, settings = {}, secrets = {}, now_us = BEGINS_US, crashes = 0 }
  local t = setmetatable({}, {
    __index = function(_, name)
      local method = methods[name]
      if not method then error(("t has no %s"):format(show(name)), 2) end
      return function(...) return method(self, ...) end
    end,
  })
  return self, t
end

local function describe(self, problem, traceback)
  if type(problem) == "table" and problem.skipped then
    return { status = "skipped", message = tostring(problem.skipped) }
  end
  local is_table = type(problem) == "table"
  local message = is_table and tostring(problem.message) or tostring(problem)
  local at = is_table and problem.at or place(self.file, traceback)
  if message:sub(1, #at + 2) == at .. ": " then message = message:sub(#at + 3) end
  return { status = "failed", message = message, at = at, traceback = traceback }
end

local function run_case(case)
  local self, t = new_case()
  local traceback = ""
  local ok, problem = xpcall(function()
    case.fn(t)
    if self.broken then error(self.broken, 0) end
    check_replays(self)
  end, function(problem)
    traceback = debug.traceback("", 2)
    return problem
  end)
  if self.broken then problem, ok = self.broken, false end
  return ok and { status = "passed" } or describe(self, problem, traceback)
end

---What `tend test` opens: the file's cases, as the runs of a workflow.
function test.open(module)
  require(module)
  local listed = {}
  for index, case in ipairs(cases) do listed[index] = { name = case.name, at = case.at } end
  return {
    cases = json.array(listed),
    run = function(input) return run_case(cases[input.case]) end,
  }
end

return test
