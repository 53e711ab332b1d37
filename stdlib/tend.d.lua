---@meta
-- What a workflow can call, for editors that read LuaLS annotations. Nothing here is ever run.

---A length of time: a number of seconds, or text such as "1d2h3m4s5ms".
---@alias tend.Duration number|string

---A value that crosses the journal: nil, booleans, integers, doubles, text, and tables of these
---(a sequence, or string keys).
---@alias tend.Value any

---A handle of a secret. It can go into an HTTP header or body, `auth`, or a child's environment;
---it can't be read, logged or returned.
---@class tend.Secret

-- A workflow file ----------------------------------------------------------------------------

---What a workflow's file returns. Its name is the file's name.
---@class tend.Workflow
---@field description string? one sentence
---@field run fun(input: table): tend.Value
---@field input table? defaults; other keys are an error; json.null: a key without a default
---@field schedule tend.Schedule?
---@field concurrency tend.Concurrency?
---@field permissions tend.Permissions?

---How many runs with the same key go on at a time.
---@class tend.Concurrency
---@field limit integer
---@field key (string|fun(input: table): string|number|boolean|nil)? asked once, when a run is accepted

---What the workflow touches: accepted, a run is not held to it yet.
---@class tend.Permissions
---@field net string[]? hosts: "api.example.com", "*.example.com", "localhost:8080"
---@field exec string[]? programs, as `cmd` names them
---@field env string[]?
---@field fs string[]?

---When `tend serve` runs it: `every` or `cron`.
---@class tend.Schedule
---@field every tend.Duration? at least "1s"
---@field cron string? five fields, or @hourly, @daily, @weekly, @monthly, @yearly
---@field timezone string? of cron: "Europe/Berlin"; default "UTC"
---@field jitter tend.Duration? a run starts up to that much later, the same each time
---@field overlap "skip"|"queue_one"|"queue_all"|"cancel_running"|"allow"|nil while a run is unfinished
---@field missed "skip"|"last"|"all"|nil ticks while tend was down
---@field missed_limit integer? of "all"; default 100
---@field input table?

-- Errors and retries -------------------------------------------------------------------------

---@alias tend.ErrorKind
---| "error"
---| "fatal"
---| "value"
---| "timeout"
---| "deadline"
---| "cancelled"
---| "exec"
---| "http"
---| "llm"
---| "agent"
---| "permission"
---| "memory"
---| "watchdog"
---| "child"

---What a failed primitive raises; `tostring` makes it readable.
---@class tend.Error
---@field message string
---@field kind tend.ErrorKind
---@field step string?
---@field attempt integer?
---@field retryable boolean?
---@field response tend.Response?
---@field cause tend.Error?
---@field traceback string?

---@class tend.Retry
---@field attempts integer? default 4
---@field backoff "exponential"|"linear"|"constant"?
---@field initial tend.Duration? default "1s"
---@field max tend.Duration? default "5m"
---@field factor number? default 2
---@field jitter "full"|false?
---@field when (fun(err: tend.Error): boolean)? uses no primitives

---Options that every primitive takes.
---@class tend.Options
---@field name string? the step's name
---@field retry tend.Retry|false?
---@field timeout tend.Duration? of one attempt
---@field deadline tend.Duration? of the whole step
---@field on_failure (fun(err: tend.Error): tend.Value)? its value is the step's

-- Steps and time -----------------------------------------------------------------------------

---@class tend.Context
---@field attempt integer
---@field idempotency_key string

---Runs `fn` with retries and records the one value that it returns. Inside it `http`, `llm`,
---`exec`, `io`, `os` and `collectgarbage` work plainly; the other primitives are errors there.
---@generic T
---@param name string
---@param options tend.Options
---@param fn fun(ctx: tend.Context): T
---@return T
---@overload fun<T>(name: string, fn: fun(ctx: tend.Context): T): T
function step(name, options, fn) end

---A durable timer.
---@param duration tend.Duration
---@param options {name: string?}?
function sleep(duration, options) end

---A durable timer until an instant.
---@param at number|string seconds since 1970, or RFC 3339
---@param options {name: string?}?
function sleep_until(at, options) end

---Seconds since 1970, the same on every replay; inside a step, the clock.
---@return number
function now() end

---@return string
function uuid() end

---A number in [0, 1), in 1..m, or in m..n; the same on every replay.
---@param m integer?
---@param n integer?
---@return number
function random(m, n) end

---Waits for a signal (`tend signal RUN NAME JSON`) and returns its payload; nil after `timeout`.
---Signals queue in order, also before they are waited for; each is taken once.
---@param signal string
---@param options {timeout: tend.Duration?, name: string?}?
---@return tend.Value
function wait_for(signal, options) end

-- The outside world --------------------------------------------------------------------------

---@class tend.Request : tend.Options
---@field url string
---@field method string?
---@field headers table<string, string|tend.Secret>?
---@field query table<string, string|number|boolean|tend.Secret>?
---@field json tend.Value?
---@field body string|tend.Secret?
---@field form table<string, string|number|boolean|tend.Secret>?
---@field auth {bearer: string|tend.Secret}|{basic: {user: string, password: string|tend.Secret}}?
---@field max_bytes integer?
---@field follow boolean?
---@field ok integer[]? accepted statuses; default 200 to 299

---@class tend.Response
---@field status integer
---@field headers table<string, string> names in lower case
---@field body string
---@field json tend.Value decoded when it is first read
---@field url string
---@field timing table<string, number>

---One HTTP exchange. An unexpected status or a network failure raises.
---@param request tend.Request|string
---@return tend.Response
function http(request) end

---@class tend.Program : tend.Options
---@field cmd string looked up in PATH; no shell
---@field args string[]?
---@field cwd string?
---@field env table<string, string|tend.Secret>? added to PATH HOME LANG TMPDIR, and nothing else
---@field stdin string?
---@field max_bytes integer?
---@field ok integer[]? accepted exit codes; default {0}

---@param program tend.Program
---@return {code: integer, signal: integer?, stdout: string, stderr: string} signal: that ended it
function exec(program) end

---@class tend.Prompt : tend.Options
---@field prompt string?
---@field messages {role: "system"|"user"|"assistant", content: string}[]? instead of `prompt`
---@field model string? default settings.model
---@field system string?
---@field schema table? JSON Schema; an answer that doesn't fit is mended by the model
---@field temperature number?
---@field max_tokens integer?
---@field budget number? accepted, not counted yet

---@class tend.Answer
---@field text string
---@field json tend.Value?
---@field usage {input: integer, output: integer}
---@field cost number? not yet
---@field model string
---@field finish_reason string
---@field repairs integer how often the model was shown what is wrong with its answer

---@param prompt tend.Prompt
---@return tend.Answer
function llm(prompt) end

---@class tend.Session : tend.Options
---@field directory string absolute
---@field prompt string
---@field model string? default settings.agent_model
---@field system string?
---@field poll tend.Duration?
---@field shell string[]? commands for the session's shell once it is done
---@field title string?
---@field budget number? accepted, not counted yet

---@class tend.SessionResult
---@field session_id string
---@field text string
---@field todos {content: string, status: string, priority: string}[]
---@field diff table[]
---@field files table[]
---@field usage {input: integer, output: integer}
---@field cost number?
---@field commands {command: string, output: string?}[]
---@field finish_reason string?

---One session of the coding agent.
---@param session tend.Session
---@return tend.SessionResult
function agent(session) end

-- Runs ---------------------------------------------------------------------------------------

---Runs functions side by side; the results lie under the same keys. With `settle` each is
---`{ok = true, value = …}` or `{ok = false, error = …}`; without it the first failure raises.
---@param functions table<string|integer, fun(): any>
---@param options {name: string?, limit: integer?, settle: boolean?}?
---@return table
function parallel(functions, options) end

---Runs another workflow as a child and waits for its result.
---@param workflow string
---@param input table?
---@param options {id: string?, name: string?, retry: tend.Retry?}?
---@return any
function invoke(workflow, input, options) end

---Starts another run and returns its id at once. An id that exists with the same workflow and
---input is joined.
---@param workflow string
---@param input table?
---@param options {id: string?, name: string?}?
---@return string id
function start(workflow, input, options) end

---Ends this link of the run; the next begins with `input`, under the same id. No pcall keeps it; only
---in the main branch.
---@param input table?
---@return nil # never
function continue_as(input) end

---Durable values shared by all runs of a project. A write commits together with the run's own
---entry, so it happens exactly once.
---@class tend.state
state = {}

---@param key string 1 to 400 bytes
---@return any
function state.get(key) end

---@param key string
---@param value tend.Value nil deletes
function state.set(key, value) end

---`fn` is pure, uses no primitives and may run again; what it returns is the new value.
---@param key string
---@param fn fun(value: any): any
---@return any new
function state.update(key, fn) end

---Keys in byte order.
---@param prefix string
---@param options {after: string?, limit: integer?}?
---@return string[]
function state.list(prefix, options) end

-- The rest -----------------------------------------------------------------------------------

---Lines kept with the run.
---@class tend.log
log = {}
---@param message string
---@param fields table?
function log.debug(message, fields) end
---@param message string
---@param fields table?
function log.info(message, fields) end
---@param message string
---@param fields table?
function log.warn(message, fields) end
---@param message string
---@param fields table?
function log.error(message, fields) end

---@param name string of an environment variable
---@return tend.Secret
function secret(name) end

---Raises an error that is not retried.
---@param message string
function fatal(message) end

---@class tend.ProjectSetting
---@field project string?
---@field environment string? its id or its name
---@field token tend.Secret
---@field token_kind "project"|"account"
---@field mode "observe"|"plan"|"pull_request"

---What tend.lua says about one service; the name may hold * and ?.
---@class tend.ServiceSetting
---@field ignore string[]? metrics
---@field thresholds table?
---@field owner string?
---@field mode string?

---Read-only: the settings as they were when the run was accepted; inside a step, those of now.
---@class tend.Settings
---@field projects tend.ProjectSetting[]
---@field railway {api_url: string, service_id: string?}
---@field model string?
---@field openai {base_url: string}
---@field opencode {base_url: string}
---@field agent_model string?
---@field workspace string absolute
---@field github {api_url: string, git_url: string, token: tend.Secret?}
---@field git {name: string, email: string}
---@field poll tend.Duration
---@field act_on "critical"|"warning"?
---@field services table<string, tend.ServiceSetting>?
---@field thresholds table?
settings = {}

---Exact JSON: json.decode(json.encode(v)) equals v.
---@class tend.json
---@field null any
json = {}
---@param value tend.Value
---@param options {indent: integer?}?
---@return string
function json.encode(value, options) end
---@param text string
---@return any
function json.decode(text) end
---Marks a table as a list, so that it is printed as one also when it is empty.
---@generic T
---@param items T[]?
---@return T[]
function json.array(items) end

---lua-cjson, where it is installed, for scripts that teams bring along: `json` is exact, this makes
---every integer a double. Outside a step `encode` is json.encode.
---@class tend.cjson
---@field null any json.null
cjson = {}
---@param value any
---@return string
function cjson.encode(value) end
---@param text string
---@return any
function cjson.decode(text) end
---A cjson of its own settings.
---@return tend.cjson
function cjson.new() end

-- Pure functions in C ------------------------------------------------------------------------

---@class tend.judge
judge = {}
---Judges a slice of time; runtime/analysis/judge.h says what goes in and what comes out.
---@param input table
---@return {issues: table[], not_judged: table[], services: table[]}
function judge.project(input) end

---@class tend.logs
logs = {}
---Log lines to patterns, the most frequent first.
---@param input {lines: {text: string, at: number|string?}[], limit: integer?}
---@return {pattern: string, count: integer, first: number?, last: number?, sample: string}[]
function logs.patterns(input) end

---Text with secrets and what looks like a token masked.
---@param text string
---@return string
function redact(text) end

---Text from outside for a model, in a fence with a random delimiter that is the same on every
---replay.
---@param text string
---@param options {id: string?, source: string?}?
---@return string
function fence(text, options) end

---64 hexadecimal digits.
---@param text string
---@return string
function hash(text) end
