-- Looks at a Railway project over a slice of time, says which services are sick and what could not
-- be judged, and starts one run of handle_incident for each incident that it opens. It waits for
-- nothing, and no request that fails makes it fail.

local clock = require "clock"
local incidents = require "incidents"
local look = require "look"
local report = require "report"
local tables = require "tables"

-- A service as the result shows it.
local function shown(service, metrics)
  return {
    name = service.name, id = service.id, role = service.role, source = service.source,
    branch = service.branch, build = service.build, start = service.start,
    replicas = service.replicas, root_directory = service.root_directory,
    health_check = service.health_check, domains = service.domains, volumes = service.volumes,
    deployment = service.deployment and service.deployment.status, metrics = metrics or {},
  }
end

local function affected(issues)
  local names, seen = tables.list(), {}
  for _, issue in ipairs(issues) do
    if not seen[issue.service] then
      names[#names + 1], seen[issue.service] = issue.service, true
    end
  end
  table.sort(names)
  return names
end

local function check_choice(name, value, choices)
  if value == nil then return end
  for _, choice in ipairs(choices) do
    if value == choice then return end
  end
  fatal(("input.%s is %q; it can be %s"):format(name, tostring(value),
    table.concat(choices, ", ")))
end

---@type tend.Workflow
return {
  description = "Looks at a Railway project and opens an incident for each sick repository.",
  schedule = { every = "10m", overlap = "skip" },
  permissions = { net = {}, exec = {}, fs = {}, env = {} },
  input = {
    project = json.null, -- one of the settings' projects; by default the first
    mode = json.null, -- observe, plan or pull_request; by default the project's
    window = "30m",
    step = "60s",
    act_on = json.null, -- critical or warning; by default tend.lua's `act_on`, or critical
  },
  run = function(input)
    check_choice("mode", input.mode, { "observe", "plan", "pull_request" })
    check_choice("act_on", input.act_on, { "critical", "warning" })

    local seen = look.at(input.project, clock.window(now(), input.window, input.step))
    seen.project_health = report.project_health(seen)
    local settled = incidents.settle(seen, {
      mode = input.mode, act_on = input.act_on or settings.act_on or "critical",
    })

    return {
      project = seen.project, environment = seen.environment, window = seen.window,
      issues = seen.issues, affected_services = affected(seen.issues),
      not_judged = seen.not_judged, services = tables.map(seen.services, function(service)
        return shown(service, seen.metrics[service.name])
      end),
      architecture_summary = report.architecture(seen), metrics_summary = report.metrics(seen),
      incidents = settled.incidents, started = settled.started, would_do = settled.would_do,
      requests = seen.requests,
    }
  end,
}
