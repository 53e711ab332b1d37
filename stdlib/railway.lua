-- Railway's public API, as tend reads it: which project is meant, what it consists of, its
-- numbers and its deployments; architecture and railway_logs ask through it as well. Each request
-- is one step, so that it is retried by the engine, counted, and recorded once. Bodies with
-- samples stay text (judge.project reads them in C); everything else is recorded in the short form
-- that the workflows use.
--
-- A request that Railway refuses is no error here but a reply with `errors`: it costs the
-- judgement that needed it, never the look.

local clock = require "clock"
local operations = require "railway_operations"
local tables = require "tables"

local railway = {}

railway.SERVICES_A_REQUEST = 25 -- of the HTTP figures

-- Reads are tried again for a minute: a look started by hand must not take longer, and one that
-- serve started has the next tick.
local READ = {
  timeout = "30s",
  deadline = "60s",
  retry = { attempts = 12, initial = "1s", max = "10s" },
}

---@class tend.Place
---@field project string the project's id
---@field environment string the environment's id
---@field mode string
---@field token any a secret handle
---@field token_kind "project"|"account"
---@field requests integer what it took to find the place

---@class tend.Asking
---@field document string? instead of the operation's own
---@field keeps_body boolean? hand the answer on as text
---@field keep (fun(data: table): any)? what of the data is recorded
---@field name string? the step's

---@class tend.Reply
---@field data table? what was asked for, without nulls
---@field body string? the answer as it came, instead of `data`
---@field errors {message: string, path: any[]}[]
---@field requests integer

-- What kind of refusal it is -----------------------------------------------------------------

local DENIED = { "not authorized", "unauthorized", "unauthenticated", "forbidden",
  "permission", "access denied", "invalid token" }
local INVALID = { "^cannot query field", "^unknown argument", "^unknown type", "^variable",
  "^syntax error", "^field ", "graphql_validation_failed", "graphql_parse_failed",
  "bad_user_input" }

local function says(text, patterns)
  return tables.find(patterns, function(pattern) return text:find(pattern) end) ~= nil
end

local function is_final(problem)
  local code = problem.extensions and problem.extensions.code
  local text = tostring(problem.message):lower()
  return #(problem.path or {}) > 0 or says(text, DENIED) or says(text, INVALID)
    or (type(code) == "string" and (says(code:lower(), DENIED) or says(code:lower(), INVALID)))
end

-- Raised, so that the retry engine takes it up again.
local function not_now(message)
  error({ kind = "railway", message = message })
end

-- `data: null` that blames no field, no token and no document passes by itself.
local function check_transient(answer, status)
  local errors = answer.errors or {}
  if answer.data or status ~= 200 or #errors == 0 then return end
  for _, problem in ipairs(errors) do
    if is_final(problem) then return end
  end
  not_now("Railway has no answer at the moment: " .. tostring(errors[1].message))
end

local function errors_of(answer, status)
  local errors = tables.map(answer.errors or {}, function(problem)
    return { message = redact(tostring(problem.message)), path = tables.list(problem.path) }
  end)
  if #errors == 0 and not answer.data then
    errors[1] = { message = ("Railway answered %d without data"):format(status),
      path = tables.list() }
  end
  return errors
end

-- Whether an answer can be handed on unread. Only an answer without a word of errors can; to
-- decode the others costs little, because they are rare.
local function is_clean(body)
  return body:find("^%s*{") and body:find("}%s*$") and not body:find('"errors"', 1, true)
    and not body:find('"data"%s*:%s*null')
end

local function understand(response, keeps_body)
  local body = response.body or ""
  if not body:find("^%s*{") then
    not_now(("Railway answered %d with something that is not JSON"):format(response.status))
  end
  if keeps_body and response.status == 200 and is_clean(body) then
    return { body = body, errors = tables.list() }
  end
  local ok, decoded = pcall(json.decode, body)
  if not ok then not_now("Railway's answer was cut off") end
  local answer = tables.plain(decoded)
  check_transient(answer, response.status)
  local reply = { errors = errors_of(answer, response.status) }
  if not keeps_body then
    reply.data = answer.data
  elseif answer.data then
    reply.body = body
  end
  return reply
end

local function headers_of(place)
  if place.token_kind == "project" then return { ["project-access-token"] = place.token } end
end

---Asks one thing. `document` is an operation's text; what can't be asked for by an operation of
---`railway_operations` can't be asked for at all.
---@param place tend.Place
---@param name string the operation's name
---@param variables table
---@param options tend.Asking?
---@return tend.Reply
function railway.ask(place, name, variables, options)
  options = options or {}
  local document = options.document or operations[name]
  if not document or document:find("mutation", 1, true) then
    fatal(("tend does not send the Railway operation %q"):format(name))
  end
  return step(options.name or "railway " .. name, READ, function(ctx)
    local response = http {
      url = settings.railway.api_url, method = "POST", headers = headers_of(place),
      auth = place.token_kind ~= "project" and { bearer = place.token } or nil,
      json = { query = document, variables = variables, operationName = name },
      ok = { 200, 400, 401, 403 }, timeout = "25s", retry = false,
    }
    local reply = understand(response, options.keeps_body)
    if options.keep and reply.data then reply.data = options.keep(reply.data) end
    reply.requests = ctx.attempt
    return reply
  end)
end

---Like `ask`, but Railway's silence is a reply too: one with errors.
---@param place tend.Place
---@param name string
---@param variables table
---@param options tend.Asking?
---@return tend.Reply
function railway.try(place, name, variables, options)
  local ok, reply = pcall(railway.ask, place, name, variables, options)
  if ok then return reply end
  if type(reply) == "table" and (reply.kind == "cancelled" or reply.kind == "fatal") then
    error(reply, 0)
  end
  local message = type(reply) == "table" and reply.message or tostring(reply)
  local attempts = type(reply) == "table" and reply.attempt or 1
  return { errors = tables.list { { message = message, path = tables.list() } },
    requests = attempts }
end

---Why a reply holds nothing, as text for `not_judged`.
---@param reply tend.Reply
---@return string
function railway.reason(reply)
  local first = reply.errors[1]
  return first and tables.cut(first.message, 300) or "Railway did not say why"
end

-- Which project is meant ---------------------------------------------------------------------

local function is_uuid(text)
  return type(text) == "string"
    and text:lower():find("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$") ~= nil
    and #text == 36
end

local function projects()
  local all = {}
  for index, setting in ipairs(settings.projects or {}) do all[index] = setting end
  return all
end

local function label(setting)
  return ("%s/%s"):format(setting.project or "?", setting.environment or "?")
end

local function setting_of(wanted)
  local all = projects()
  if #all == 0 then
    fatal("no Railway project is configured: set RAILWAY_TOKEN, RAILWAY_PROJECT_ID and "
      .. "RAILWAY_ENVIRONMENT_ID, or `projects` in tend.lua")
  end
  if wanted == nil then return all[1] end
  local found = tables.find(all, function(setting)
    return setting.project == wanted or label(setting) == wanted
  end)
  if found then return found end
  fatal(("no project %q is configured; there is %s")
    :format(wanted, table.concat(tables.map(all, label), ", ")))
end

local function place_at(setting, project, environment, requests)
  return {
    project = project, environment = environment, requests = requests or 0,
    mode = setting.mode or "observe", token = setting.token, token_kind = setting.token_kind,
  }
end

local function refuse(reply, what)
  error({ kind = "railway", message = ("%s: %s"):format(what, railway.reason(reply)) })
end

local function ask_the_token(setting)
  local reply = railway.ask(setting, "ProjectToken", {})
  local token = reply.data and reply.data.projectToken
  if not token then refuse(reply, "the project token was refused") end
  return token.projectId, token.environmentId, reply.requests
end

local function find_environment(setting)
  local reply = railway.ask(setting, "EnvironmentByName", { projectId = setting.project })
  local project = reply.data and reply.data.project
  if not project then refuse(reply, "the project's environments can't be read") end
  local nodes = tables.map(project.environments.edges, function(edge) return edge.node end)
  local wanted = setting.environment or (#nodes == 1 and nodes[1].id) or "production"
  local found = tables.find(nodes, function(node) return node.id == wanted end)
    or tables.find(nodes, function(node) return node.name == wanted end)
  if found then return found.id, reply.requests end
  fatal(("project %s has no environment %q; it has %s"):format(setting.project, wanted,
    table.concat(tables.map(nodes, function(node) return node.name end), ", ")))
end

---The project and environment that a look is about; asks Railway only for what isn't given as an
---id.
---@param wanted string? a project of the settings, or PROJECT/ENVIRONMENT; nil: the first
---@return tend.Place
function railway.place(wanted)
  local setting = setting_of(wanted)
  if setting.project and is_uuid(setting.environment) then
    return place_at(setting, setting.project, setting.environment)
  end
  if setting.project then
    local environment, requests = find_environment(setting)
    return place_at(setting, setting.project, environment, requests)
  end
  return place_at(setting, ask_the_token(setting))
end

---The place where an incident was measured.
---@param incident tend.Incident
---@return tend.Place
function railway.place_of(incident)
  local all = projects()
  local same_project = tables.filter(all, function(setting)
    return setting.project == incident.project or setting.project == nil
  end)
  local setting = tables.find(same_project, function(candidate)
    return candidate.environment == incident.environment
      or candidate.environment == incident.environment_name
  end) or same_project[1]
  if not setting then
    fatal(("project %s is no longer in the settings"):format(incident.project))
  end
  return place_at(setting, incident.project, incident.environment)
end

-- Numbers ------------------------------------------------------------------------------------

local function period(place, window)
  return { projectId = place.project, environmentId = place.environment,
    startDate = clock.rfc3339(window.from), endDate = clock.rfc3339(window.to) }
end

---CPU, memory, disk and network of every service, in one request; the reply's `body` is for
---judge.project.
---@param place tend.Place
---@param window tend.Window
---@return tend.Reply
function railway.metrics(place, window)
  local variables = period(place, window)
  variables.sampleRateSeconds = window.step
  return railway.try(place, "ProjectMetrics", variables, { keeps_body = true })
end

local STATUS_FIELD = "  status_%d: httpMetricsGroupedByStatus(serviceId: $service_%d, %s) "
  .. "{ statusCode samples { ts value } }\n"
local DURATION_FIELD = "  duration_%d: httpDurationMetrics(serviceId: $service_%d, %s) "
  .. "{ samples { ts p50 p90 p95 p99 } }\n"
local PERIOD = "environmentId: $environmentId, startDate: $startDate, endDate: $endDate, "
  .. "stepSeconds: $stepSeconds"

---The document that asks for the HTTP figures of several services at once, and its variables.
---`refused` holds the aliases that are left out.
---@param place tend.Place
---@param window tend.Window
---@param services table[]
---@param refused table<string, any>
---@return string? document nil where nothing is left to ask for
---@return table variables
function railway.http_document(place, window, services, refused)
  local variables = period(place, window)
  variables.projectId, variables.stepSeconds = nil, window.step
  local heads, fields = {}, {}
  for index, service in ipairs(services) do
    local asks_status = not refused["status_" .. index]
    local asks_duration = not refused["duration_" .. index]
    if asks_status then fields[#fields + 1] = STATUS_FIELD:format(index, index, PERIOD) end
    if asks_duration then fields[#fields + 1] = DURATION_FIELD:format(index, index, PERIOD) end
    if asks_status or asks_duration then
      heads[#heads + 1] = (", $service_%d: String!"):format(index)
      variables["service_" .. index] = service.id
    end
  end
  if #fields == 0 then return nil, variables end
  return "query ServiceHttp($environmentId: String!, $startDate: DateTime!, "
    .. "$endDate: DateTime!, $stepSeconds: Int" .. table.concat(heads) .. ") {\n"
    .. table.concat(fields) .. "}", variables
end

local function refused_aliases(reply, refused)
  local is_new = false
  for _, problem in ipairs(reply.errors) do
    local alias = problem.path[1]
    if type(alias) == "string" and not refused[alias] then
      refused[alias], is_new = problem.message, true
    end
  end
  return is_new
end

---Requests by status code and percentiles of at most `SERVICES_A_REQUEST` services. One field
---that is refused empties the whole answer, so it is asked again without that field; a field
---that came back empty beside an error is among the refused as well.
---@param place tend.Place
---@param window tend.Window
---@param services table[]
---@param name string the step's name
---@return {body: string?, refused: table<string, string>, requests: integer, why: string?}
function railway.http_figures(place, window, services, name)
  local refused, requests = {}, 0
  for _ = 1, 3 do
    local document, variables = railway.http_document(place, window, services, refused)
    if not document then return { refused = refused, requests = requests } end
    local reply = railway.try(place, "ServiceHttp", variables,
      { document = document, keeps_body = true, name = name })
    requests = requests + reply.requests
    local is_new = refused_aliases(reply, refused)
    if reply.body or not is_new then
      return { body = reply.body, refused = refused, requests = requests,
        why = not reply.body and railway.reason(reply) or nil }
    end
  end
  return { refused = refused, requests = requests, why = "request budget" }
end

-- One service in detail --------------------------------------------------------------------------

---Requests by status class for one path: {["2xx"] = 12, …}.
---@param place tend.Place
---@param service_id string
---@param path string
---@param window tend.Window
---@return tend.Reply
function railway.path_figures(place, service_id, path, window)
  return railway.try(place, "PathHttp", {
    serviceId = service_id, environmentId = place.environment, path = path,
    startDate = clock.rfc3339(window.from), endDate = clock.rfc3339(window.to),
    stepSeconds = window.step,
  }, { keep = function(data)
    local classes = {}
    for _, group in ipairs(data.byStatus or {}) do
      local class = ("%dxx"):format(group.statusCode // 100)
      for _, sample in ipairs(group.samples) do
        classes[class] = (classes[class] or 0) + sample.value
      end
    end
    return classes
  end })
end

---@class tend.Deployment
---@field id string
---@field status string
---@field created_at number?
---@field updated_at number?
---@field commit string?
---@field message string?
---@field diagnosis string?

---The newest deployments of a service, newest first.
---@param place tend.Place
---@param service_id string
---@param count integer
---@return tend.Reply reply `data` is a list of tend.Deployment
function railway.deployments(place, service_id, count)
  return railway.try(place, "Deployments", {
    projectId = place.project, environmentId = place.environment, serviceId = service_id,
    first = count,
  }, { keep = function(data)
    return tables.map(data.deployments and data.deployments.edges or {}, function(edge)
      local node = edge.node
      local meta = type(node.meta) == "table" and node.meta or {}
      return { id = node.id, status = node.status, created_at = clock.parse(node.createdAt),
        updated_at = clock.parse(node.statusUpdatedAt), commit = meta.commitHash,
        message = meta.commitMessage and redact(tables.cut(meta.commitMessage, 300)) or nil,
        diagnosis = node.diagnosis and redact(tables.cut(json.encode(node.diagnosis), 1000))
          or nil }
    end)
  end })
end

---Which services name which others in their variables: {[service id] = {variable, …}}. Values
---are never asked for.
---@param place tend.Place
---@return tend.Reply
function railway.references(place)
  return railway.try(place, "VariableNames", { environmentId = place.environment },
    { keep = function(data)
      local by_service = {}
      local variables = data.environment and data.environment.variables or {}
      for _, edge in ipairs(variables.edges or {}) do
        local id, references = edge.node.serviceId, edge.node.references or {}
        if id and #references > 0 then
          by_service[id] = tables.append(by_service[id] or {}, references)
        end
      end
      return by_service
    end })
end

---Railway's own state: {is_stable, message?, url?}.
---@param place tend.Place
---@return tend.Reply
function railway.platform(place)
  return railway.try(place, "PlatformStatus", {}, { keep = function(data)
    local status = data.platformStatus or {}
    local incident = status.incident or {}
    return { is_stable = status.isStable ~= false, message = incident.message,
      url = incident.url, status = incident.status }
  end })
end

return railway
