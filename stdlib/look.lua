-- One look at a project: what it consists of, its numbers over a slice of time, and what of them
-- is sick. The judging is C (judge.project); here the requests are made side by side, and
-- whatever could not be had is said in `not_judged`.

local architecture = require "architecture"
local railway = require "railway"
local railway_logs = require "railway_logs"
local tables = require "tables"
local thresholds = require "thresholds"

local look = {}

look.METRICS = { "cpu", "memory", "disk", "error_rate_5xx", "error_rate_4xx", "latency_p95",
  "deployment", "restarts", "log_errors", "traffic" }
local OF_METRICS = { "cpu", "memory", "disk" }
local OF_STATUS = { "error_rate_5xx", "error_rate_4xx", "traffic" }
local OF_HTTP = { "error_rate_5xx", "error_rate_4xx", "latency_p95", "traffic" }

-- What people set for one service ------------------------------------------------------------

local function glob_matches(glob, name)
  local pattern = glob:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".")
  return name:find("^" .. pattern .. "$") ~= nil
end

---What `services` in tend.lua says about a service: {ignore, thresholds, owner, mode}. A name
---written out goes before patterns such as "worker-*".
---@param name string
---@return table
function look.rules_for(name)
  local rules = settings.services or {}
  if rules[name] then return rules[name] end
  for glob, rule in pairs(rules) do
    if glob_matches(glob, name) then return rule end
  end
  return {}
end

local function is_ignored(issue)
  return tables.find(look.rules_for(issue.service).ignore or {}, function(metric)
    return metric == issue.metric
  end) ~= nil
end

local function common_thresholds()
  local all = tables.copy(thresholds)
  for metric, limits in pairs(settings.thresholds or {}) do
    all[metric] = all[metric] or {}
    for name, limit in pairs(limits) do all[metric][name] = tables.copy(limit) end
  end
  return all
end

-- Error lines --------------------------------------------------------------------------------

-- Lines that mean trouble whatever a service's past was; looked for in lower case.
local GRAVE = { "out of memory", "oomkilled", "panic:", "unhandled exception",
  "unhandledpromiserejection", "unhandled rejection", "uncaught", "econnrefused",
  "connection refused", "segmentation fault" }

local function is_grave(text)
  local lower = text:lower()
  return tables.find(GRAVE, function(words) return lower:find(words, 1, true) end) ~= nil
end

---The patterns among log lines, most frequent first.
---@param lines tend.Line[]
---@param limit integer
---@return {pattern: string, count: integer, first: number?, last: number?, sample: string}[]
function look.patterns(lines, limit)
  if #lines == 0 then return tables.list() end
  return tables.map(logs.patterns { lines = lines, limit = limit }, function(found)
    return { pattern = tables.cut(found.pattern, 500), count = found.count, first = found.first,
      last = found.last, sample = tables.cut(redact(found.sample), 1000) }
  end)
end

local function digest_for(window)
  return function(lines)
    local grave = tables.filter(lines, function(line) return is_grave(line.text) end)
    local buckets, count = {}, 0
    for _, line in ipairs(grave) do
      local bucket = math.floor(line.at) // window.step
      if not buckets[bucket] then buckets[bucket], count = true, count + 1 end
    end
    return { lines = #lines, grave = #grave, buckets = count,
      since = grave[1] and grave[1].at or nil, patterns = look.patterns(grave, 3) }
  end
end

local GRAVE_BUCKETS = 3

local function judge_lines(service, found)
  if not found or found.buckets < GRAVE_BUCKETS then return nil end
  return {
    service = service.name, metric = "log_errors", value = found.grave, threshold = GRAVE_BUCKETS,
    severity = service.has_domain and "warning" or "critical", unit = "lines", since = found.since,
    evidence = tables.map(found.patterns, function(pattern)
      return ("%d × %s"):format(pattern.count, pattern.pattern)
    end),
  }
end

-- What could not be judged -------------------------------------------------------------------

-- Each (service, metric) is said once; the first reason is the most precise one.
local function reasons()
  local seen, said = {}, tables.list()
  return said, function(service, metric, why)
    local key = service .. "\0" .. metric
    if seen[key] then return end
    seen[key] = true
    said[#said + 1] = { service = service, metric = metric, why = why }
  end
end

local function say_all(say, services, metrics, why)
  for _, service in ipairs(services) do
    for _, metric in ipairs(metrics) do say(service.name, metric, why) end
  end
end

-- Reading ------------------------------------------------------------------------------------

local function batches(services)
  local all = {}
  for index, service in ipairs(services) do
    local batch = (index - 1) // railway.SERVICES_A_REQUEST + 1
    all[batch] = all[batch] or {}
    table.insert(all[batch], service)
  end
  return all
end

local function has_http(service)
  return service.has_domain and not service.is_database and not service.cron
end

-- Everything that one look asks for beside the architecture, side by side.
local function read(place, services, window)
  local asked = {
    metrics = function() return railway.metrics(place, window) end,
    logs = function() return railway_logs.error_logs(place, window, digest_for(window)) end,
  }
  local groups = batches(tables.filter(services, has_http))
  for index, batch in ipairs(groups) do
    asked["http " .. index] = function()
      return railway.http_figures(place, window, batch, "railway ServiceHttp " .. index)
    end
  end
  local answers, http = parallel(asked, { name = "read", limit = 8 }), {}
  for index, batch in ipairs(groups) do
    http[index] = { services = batch, answer = answers["http " .. index] }
  end
  return answers.metrics, http, answers.logs
end

local function for_judge(service)
  return {
    id = service.id, name = service.name, role = service.role,
    is_database = service.is_database, has_domain = service.has_domain,
    is_cron = service.cron ~= nil, is_sleepy = service.sleeps, replicas = service.replicas,
    deployed_at = service.deployed_at, volumes = tables.map(service.volumes, function(volume)
      return { size_mb = volume.size_mb, current_mb = volume.current_mb }
    end),
    deployment = service.deployment and {
      status = service.deployment.status, created_at = service.deployment.created_at,
      updated_at = service.deployment.updated_at, is_serving = service.deployment.is_serving,
    } or nil,
    thresholds = tables.copy(look.rules_for(service.name).thresholds),
  }
end

local function say_http(say, group)
  local answer = group.answer
  if answer.why then say_all(say, group.services, OF_HTTP, answer.why) end
  for index, service in ipairs(group.services) do
    local status, duration = answer.refused["status_" .. index],
      answer.refused["duration_" .. index]
    if status then say_all(say, { service }, OF_STATUS, status) end
    if duration then say(service.name, "latency_p95", duration) end
  end
end

local function say_logs(say, services, answer)
  if answer.why then say_all(say, services, { "log_errors" }, answer.why) end
  if not answer.is_full then return end
  say_all(say, tables.filter(services, function(service)
    return not answer.services[service.id]
  end), { "log_errors" }, "log limit")
end

local function count_requests(metrics, http, lines)
  local requests = metrics.requests + lines.requests
  for _, group in ipairs(http) do requests = requests + group.answer.requests end
  return requests
end

---@class tend.Issue
---@field service string
---@field metric string
---@field severity "warning"|"critical"
---@field value number
---@field threshold number
---@field unit string
---@field since number seconds since 1970
---@field evidence string[]

---@class tend.Measured
---@field issues tend.Issue[]
---@field not_judged {service: string, metric: string, why: string}[]
---@field metrics table<string, table> by service name
---@field requests integer
---@field blind string? set where no numbers at all could be had

---Measures services over a window and judges them.
---@param place tend.Place
---@param services table[] of architecture.read
---@param window tend.Window
---@param known {service: string?, metric: string?, why: string}[]? what is known not to be judged
---@return tend.Measured
function look.measure(place, services, window, known)
  local not_judged, say = reasons()
  for _, problem in ipairs(known or {}) do
    say_all(say, problem.service and { { name = problem.service } } or services,
      problem.metric and { problem.metric } or { "deployment" }, problem.why)
  end
  local metrics, http, lines = read(place, services, window)
  if #metrics.errors > 0 then
    say_all(say, services, OF_METRICS, railway.reason(metrics))
  end
  for _, group in ipairs(http) do say_http(say, group) end
  say_logs(say, services, lines)

  local answered = tables.filter(http, function(group) return group.answer.body end)
  local judged = judge.project {
    window = { from = window.from, to = window.to }, step = window.step, metrics = metrics.body,
    http = tables.map(answered, function(group)
      return { body = group.answer.body,
        services = tables.map(group.services, function(service) return service.id end) }
    end),
    services = tables.map(services, for_judge), thresholds = common_thresholds(),
  }
  for _, entry in ipairs(judged.not_judged) do say(entry.service, entry.metric, entry.why) end

  local issues = tables.list(tables.filter(judged.issues, function(issue)
    return not is_ignored(issue)
  end))
  for _, service in ipairs(services) do
    local issue = judge_lines(service, lines.services[service.id])
    if issue and not is_ignored(issue) then issues[#issues + 1] = issue end
  end
  local by_name = {}
  for _, service in ipairs(judged.services) do by_name[service.name] = service.metrics end
  return { issues = issues, not_judged = not_judged, metrics = by_name,
    requests = count_requests(metrics, http, lines),
    blind = not metrics.body and #answered == 0 and railway.reason(metrics) or nil }
end

---@class tend.Seen : tend.Measured
---@field place tend.Place?
---@field project string
---@field environment string
---@field project_name string?
---@field environment_name string?
---@field window tend.Window
---@field services table[]

local function nothing_seen(project, environment, window, why, requests)
  return {
    project = project, environment = environment, window = window, requests = requests,
    services = tables.list(), issues = tables.list(), metrics = {}, blind = why,
    not_judged = tables.map(look.METRICS, function(metric)
      return { service = "*", metric = metric, why = why }
    end),
  }
end

local function find_place(wanted)
  local ok, place = pcall(railway.place, wanted)
  if ok then return place end
  if type(place) ~= "table" or place.kind == "fatal" or place.kind == "cancelled" then
    error(place, 0)
  end
  return nil, place.message
end

---Looks at a project. A place or an architecture that can't be had makes the look blind: it has
---no services, and says so.
---@param wanted string? a project of the settings; nil: the first
---@param window tend.Window
---@return tend.Seen
function look.at(wanted, window)
  local place, why = find_place(wanted)
  if not place then return nothing_seen(wanted or "", "", window, why, 1) end
  local found = architecture.read(place)
  local requests = place.requests + found.requests
  local ephemeral = found.environment and found.environment.is_ephemeral
  if ephemeral or (found.blind and #found.services == 0) then
    local seen = nothing_seen(place.project, place.environment, window,
      found.blind or "ephemeral environments are not looked at", requests)
    seen.place = place
    return seen
  end
  local seen = look.measure(place, found.services, window, found.not_judged)
  if found.blind then -- a later page is missing: what is on it is unknown
    tables.append(seen.not_judged, { { service = "*", metric = "deployment", why = found.blind } })
  end
  seen.place, seen.window, seen.services = place, window, found.services
  seen.project, seen.environment = place.project, place.environment
  seen.project_name = found.project and found.project.name
  seen.environment_name = found.environment.name
  seen.requests = seen.requests + requests
  return seen
end

---A metric of what was measured, as a person would ask for it: use in % of the limit, failures in
---% of requests, p95 in ms. Nil where there is none.
---@param metrics table? of one service
---@param metric string
---@return number? value
---@return string? unit
function look.value(metrics, metric)
  local usage, http = metrics and metrics[metric], metrics and metrics.http
  if usage and usage.limit and usage.limit > 0 then
    return 100 * (metric == "cpu" and usage.average or usage.latest) / usage.limit, "% of limit"
  end
  if usage then return usage.latest, usage.unit end
  if not http then return nil end
  if metric == "error_rate_5xx" then return http.rate_5xx, "%" end
  if metric == "latency_p95" then return http.p95, "ms" end
  if metric == "traffic" then return http.requests, "requests" end
end

---Requests in what was measured of a service.
---@param metrics table?
---@return number
function look.requests(metrics)
  return metrics and metrics.http and metrics.http.requests or 0
end

return look
