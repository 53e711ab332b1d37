-- Gathers what explains an incident: its numbers, the errors and slow requests of its services by
-- path, patterns in their logs, their newest deployments, what they depend on, and whether
-- Railway itself has trouble. Everything it finds becomes evidence with an id that a plan can
-- cite. A request that fails costs that piece of evidence.

local clock = require "clock"
local incidents = require "incidents"
local look = require "look"
local railway = require "railway"
local railway_logs = require "railway_logs"
local report = require "report"
local tables = require "tables"

local PATTERNS = 8
local PATHS = 5
local DEPLOYMENTS = 5
local EVIDENCE = 60
local PIECE_BYTES = 2000

-- Reading ------------------------------------------------------------------------------------

-- Requests of the log by method and path: how many, how many failed, how slow.
local function by_path(rows)
  local found, order = {}, {}
  for _, row in ipairs(rows) do
    local path = redact((row.path or "?"):gsub("%?.*$", ""))
    local key = (row.method or "GET") .. " " .. tables.cut(path, 200)
    local entry = found[key]
    if not entry then
      entry = { endpoint = key, method = row.method, path = path, requests = 0, failures = 0,
        slowest_ms = 0, statuses = {} }
      found[key], order[#order + 1] = entry, entry
    end
    local status = tostring(row.httpStatus)
    entry.requests = entry.requests + 1
    entry.statuses[status] = (entry.statuses[status] or 0) + 1
    if (row.httpStatus or 0) >= 500 then entry.failures = entry.failures + 1 end
    entry.slowest_ms = math.max(entry.slowest_ms, row.totalDuration or 0)
    entry.details = entry.details or (row.responseDetails and row.responseDetails ~= ""
      and redact(tables.cut(row.responseDetails, 200)) or nil)
  end
  table.sort(order, function(a, b) return a.requests > b.requests end)
  return tables.first(order, PATHS)
end

local function read_service(place, service, window)
  local deployment = service.deployment
  local asked = {
    deployments = function() return railway.deployments(place, service.id, DEPLOYMENTS) end,
  }
  if deployment then
    asked.logs = function()
      return railway_logs.deployment_logs(place, deployment.id, window, "@level:error",
        function(lines) return look.patterns(lines, PATTERNS) end)
    end
    if deployment.status == "FAILED" then
      asked.build = function()
        return railway_logs.build_logs(place, deployment.id,
          function(lines) return look.patterns(lines, PATTERNS) end)
      end
    end
  end
  if deployment and service.has_domain then
    asked.failing = function()
      return railway_logs.http_logs(place, deployment.id, window, "@httpStatus:>=500", by_path)
    end
    asked.slow = function()
      return railway_logs.http_logs(place, deployment.id, window, "@totalDuration:>1000", by_path)
    end
  end
  return parallel(asked, { name = "read " .. service.name })
end

-- How often the failing paths are asked for at all: the rate is what tells a broken path.
local function add_rates(place, service, window, endpoints)
  for index, endpoint in ipairs(endpoints) do
    if index > 3 then break end
    endpoint.by_class = railway.path_figures(place, service.id, endpoint.path, window).data
  end
  return endpoints
end

-- Hosts of the project's own network that a text names.
local function hosts_in(patterns)
  local hosts, seen = tables.list(), {}
  for _, pattern in ipairs(patterns) do
    for host in pattern.sample:gmatch("([%w-]+)%.railway%.internal") do
      if not seen[host] then hosts[#hosts + 1], seen[host] = host, true end
    end
  end
  return hosts
end

local function dependencies_of(service, references, patterns)
  local names, seen = hosts_in(patterns), {}
  for _, name in ipairs(names) do seen[name] = true end
  for _, reference in ipairs(references[service.id] or {}) do
    local name = tostring(reference):match("^%$?{*%s*([^.}]+)%.")
    if name and not seen[name] then names[#names + 1], seen[name] = name, true end
  end
  return names
end

-- Evidence -----------------------------------------------------------------------------------

local function collector()
  local evidence = tables.list()
  return evidence, function(source, text, is_log)
    if #evidence >= EVIDENCE then return end
    evidence[#evidence + 1] = { id = "E" .. (#evidence + 1), source = source,
      text = tables.cut(redact(text), PIECE_BYTES), is_log = is_log or false }
  end
end

local function endpoint_text(endpoint)
  local parts = { ("%s: %d in the log, %d failed, slowest %s ms"):format(endpoint.endpoint,
    endpoint.requests, endpoint.failures, report.number(endpoint.slowest_ms)) }
  for class, count in pairs(endpoint.by_class or {}) do
    parts[#parts + 1] = ("%s %s of all requests"):format(class, report.number(count))
  end
  if endpoint.details then parts[#parts + 1] = endpoint.details end
  return table.concat(parts, "; ")
end

local function at_text(at)
  return at and clock.rfc3339(math.floor(at)) or "?"
end

local function pattern_text(pattern)
  return ("%d ×, first %s, last %s: %s"):format(pattern.count, at_text(pattern.first),
    at_text(pattern.last), pattern.sample)
end

local function deployment_text(deployment)
  return ("%s, created %s, status since %s, commit %s %s%s"):format(deployment.status,
    at_text(deployment.created_at), at_text(deployment.updated_at),
    deployment.commit or "unknown", deployment.message or "",
    deployment.diagnosis and "; diagnosis " .. deployment.diagnosis or "")
end

local function add_service(add, found)
  local name = found.name
  for _, endpoint in ipairs(found.endpoints) do
    add(name .. ": HTTP log", endpoint_text(endpoint), true)
  end
  for _, pattern in ipairs(found.patterns) do
    add(name .. ": log", pattern_text(pattern), true)
  end
  for index, deployment in ipairs(found.deployments) do
    if index <= 3 then add(name .. ": deployment", deployment_text(deployment)) end
  end
  if #found.dependencies > 0 then
    add(name .. ": dependencies", table.concat(found.dependencies, ", "))
  end
end

-- The whole ----------------------------------------------------------------------------------

local function join_endpoints(failing, slow)
  local endpoints, seen = tables.list(), {}
  for _, list in ipairs { failing, slow } do
    for _, endpoint in ipairs(list) do
      if not seen[endpoint.endpoint] then
        endpoints[#endpoints + 1], seen[endpoint.endpoint] = endpoint, true
      end
    end
  end
  return endpoints
end

local function data_of(reply)
  return reply and reply.data or tables.list()
end

local function context_of(place, service, window, references)
  local answers = read_service(place, service, window)
  local failing = add_rates(place, service, window, data_of(answers.failing))
  local patterns = tables.append(data_of(answers.logs), data_of(answers.build))
  return {
    name = service.name, endpoints = join_endpoints(failing, data_of(answers.slow)),
    patterns = patterns, deployments = data_of(answers.deployments),
    dependencies = dependencies_of(service, references, patterns),
  }
end

local function window_of(incident)
  local to = incident.looked_at
  return { from = to - incident.window, to = to, step = incident.step }
end

local function provider(platform)
  return { name = "railway", is_stable = platform.is_stable, message = platform.message,
    url = platform.url }
end

local function summary_of(incident, services, providers, evidence)
  local lines = { incidents.title(incident) .. ". " .. (incident.project_health or "") }
  for _, service in ipairs(services) do
    lines[#lines + 1] = ("- %s: %d endpoints, %d patterns in its logs, %d deployments"):format(
      service.name, #service.endpoints, #service.patterns, #service.deployments)
  end
  for _, found in ipairs(providers) do
    lines[#lines + 1] = ("- %s: %s"):format(found.name,
      found.is_stable and "no trouble" or found.message or "unstable")
  end
  lines[#lines + 1] = ("%d pieces of evidence."):format(#evidence)
  return table.concat(lines, "\n")
end

---@type tend.Workflow
return {
  description = "Gathers the evidence that explains an incident.",
  permissions = { net = {}, exec = {}, fs = {}, env = {} },
  input = { incident = json.null },
  run = function(input)
    local incident = incidents.get(input.incident)
    local place, window = railway.place_of(incident), window_of(incident)
    local evidence, add = collector()
    for _, issue in ipairs(incident.issues) do
      add(issue.service .. ": " .. issue.metric, report.issue_line(issue) .. ". "
        .. table.concat(issue.evidence or {}, "; "), issue.metric == "log_errors")
    end

    local shared = parallel({
      references = function() return railway.references(place) end,
      platform = function() return railway.platform(place) end,
    }, { name = "read the project" })

    local services = tables.map(incident.services, function(service)
      return context_of(place, service, window, shared.references.data or {})
    end)
    for _, found in ipairs(services) do add_service(add, found) end

    local platform = shared.platform.data
    local providers = tables.list { platform and provider(platform) }
    local is_out = platform and not platform.is_stable and platform.status ~= "RESOLVED"
    return {
      services = services, project_health = incident.project_health or "",
      providers = providers, verdict = is_out and "wait" or "act", evidence = evidence,
      context_summary = summary_of(incident, services, providers, evidence),
    }
  end,
}
