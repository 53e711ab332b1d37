-- Incidents: one trouble of one repository (of one service where there is none), kept in `state`.
--
--   incident/ID                               the incident itself
--   trouble/PROJECT/ENVIRONMENT/TARGET        who has the target now: {id, is_open, holds}
--
-- `trouble/…` is the door: whoever changes it from closed to open has opened the incident, so two
-- looks at the same moment can't open two. An incident that has ended leaves the door closed, and
-- behind it what people declined (`holds`).

local limits = require "limits"
local look = require "look"
local tables = require "tables"

local incidents = {}

local MODES = { observe = 1, plan = 2, pull_request = 3 }
local SEVERITIES = { warning = 1, critical = 2 }
local ENDED = { recovered = true, declined = true, expired = true }
-- Before a push, trouble that goes away by itself ends the incident; afterwards people decide.
local ENDS_QUIETLY = { open = true, handling = true, waiting = true }

local GOOD_LOOKS = 3
local OPENINGS = 3
local HOLD = 30 * 86400
local NOTES = 50
-- What one incident may cost at most; prices are the model's and the agent server's.
incidents.WORST_CASE = { model_calls = 6, agent_sessions = 1, agent_minutes = 30 }

---@class tend.Incident
---@field id string
---@field run string? id of the run that handles it
---@field claim string? of the look that starts that run
---@field openings integer how often it was opened
---@field project string
---@field environment string
---@field project_name string?
---@field environment_name string?
---@field target string the repository, or the service where there is none
---@field repository string?
---@field branch string? that the services deploy from
---@field services table[] the services in trouble
---@field issues tend.Issue[]
---@field severity "warning"|"critical"
---@field state string
---@field mode string
---@field mode_is_given boolean? by the look's input, so that the settings don't matter
---@field window number seconds
---@field step number seconds
---@field since number
---@field opened_at number
---@field looked_at number
---@field good_looks integer
---@field requests table<string, number> by service, in the look that opened it
---@field project_health string
---@field pull_request table?
---@field cost number
---@field verdict string?
---@field planned string[]? the issues, by key, that the change was made for
---@field refused table[]?
---@field patch string?
---@field notes {at: number, text: string}[]

local function door_key(place, target)
  return tables.cut(("trouble/%s/%s/%s"):format(place.project, place.environment, target), 390)
end

local function door_prefix(place)
  return ("trouble/%s/%s/"):format(place.project, place.environment)
end

local function record_key(id)
  return "incident/" .. id
end

---The incident as it is now.
---@param id string
---@return tend.Incident
function incidents.get(id)
  local incident = state.get(record_key(id))
  if not incident then
    fatal(("there is no incident %q; the ids are in the result of monitor_project_health")
      :format(tostring(id)))
  end
  return incident
end

---@param incident tend.Incident
---@return boolean
function incidents.has_ended(incident)
  return ENDED[incident.state] or false
end

local function add_note(incident, text)
  incident.notes = incident.notes or tables.list()
  table.insert(incident.notes, { at = now(), text = redact(text) })
  if #incident.notes > NOTES then table.remove(incident.notes, 1) end
end

---Moves an incident that hasn't ended to another state, and keeps `fields` with it.
---@param id string
---@param to string a state
---@param fields table?
---@param note string?
---@return tend.Incident
function incidents.move(id, to, fields, note)
  local incident = state.update(record_key(id), function(current)
    if not current or ENDED[current.state] then return current end
    current.state, current.changed_at = to, now()
    for name, value in pairs(fields or {}) do current[name] = value end
    if note then add_note(current, note) end
    return current
  end)
  log.info("incident is " .. incident.state,
    { incident = id, services = incidents.service_names(incident), note = note })
  return incident
end

---@param incident tend.Incident
---@return string[]
function incidents.service_names(incident)
  return tables.map(incident.services, function(service) return service.name end)
end

-- Ending -------------------------------------------------------------------------------------

local function holds_of(incident)
  local holds = {}
  for _, issue in ipairs(incident.issues) do
    holds[incidents.issue_key(issue)] =
      { severity = issue.severity, till = now() + HOLD }
  end
  return holds
end

local function close_door(incident)
  state.update(door_key(incident, incident.target), function(door)
    if not door or door.id ~= incident.id then return door end
    door.is_open = false
    for what, hold in pairs(incident.state == "declined" and holds_of(incident) or {}) do
      door.holds[what] = hold
    end
    return door
  end)
end

---Ends an incident: it is recovered, declined or expired.
---@param id string
---@param as "recovered"|"declined"|"expired"
---@param fields table?
---@param note string?
---@return tend.Incident
function incidents.close(id, as, fields, note)
  local incident = incidents.move(id, as, fields, note)
  limits.release(id)
  close_door(incident)
  return incident
end

---Opens an incident again whose fix didn't deploy: the next look that still sees the trouble
---starts another run for it. After three openings it waits for a person instead.
---@param id string
---@param note string
---@return tend.Incident
function incidents.reopen(id, note)
  local incident = incidents.get(id)
  if incident.openings >= OPENINGS then
    return incidents.move(id, "waiting", nil, note .. "; opened often enough")
  end
  limits.release(id)
  return state.update(record_key(id), function(current)
    if not current or ENDED[current.state] then return current end
    current.state, current.openings, current.run = "open", current.openings + 1, nil
    current.pull_request, current.good_looks = nil, 0
    add_note(current, note)
    return current
  end)
end

-- What a look means for the incidents --------------------------------------------------------

---The mode that counts for a service: what the look was told narrows what tend.lua says.
---@param service string
---@param given string? the look's input
---@param of_project string
---@return string
function incidents.mode_for(service, given, of_project)
  local own = look.rules_for(service).mode
  if not given then return own or of_project end
  if own and MODES[own] < MODES[given] then return own end
  return given
end

---The mode of an incident by the settings at hand; in a step these are the settings of now.
---@param incident tend.Incident
---@return string
function incidents.mode_now(incident)
  if incident.mode_is_given then return incident.mode end
  local of_project = "observe"
  for _, setting in ipairs(settings.projects or {}) do
    if setting.project == incident.project or setting.project == nil then
      of_project = setting.mode or "observe"
      break
    end
  end
  local best = "observe"
  for _, service in ipairs(incident.services) do
    local mode = incidents.mode_for(service.name, nil, of_project)
    if MODES[mode] > MODES[best] then best = mode end
  end
  return best
end

-- tend's own service, and the agent's where its address names it.
local function is_own(service)
  if service.id == settings.railway.service_id then return true end
  local agent = settings.opencode and settings.opencode.base_url or ""
  return agent:match("^%a+://([%w%-]+)%.railway%.internal") == service.name
end

---@class tend.Rules
---@field mode string? as the look was told
---@field act_on "critical"|"warning"

local function group_by_target(seen, rules)
  local by_name, groups = {}, {}
  for _, service in ipairs(seen.services) do by_name[service.name] = service end
  for _, issue in ipairs(seen.issues) do
    local service = by_name[issue.service]
    if service then
      local target = service.repository or service.name
      local group = groups[target] or
        { target = target, issues = tables.list(), services = tables.list(), mode = "observe" }
      groups[target] = group
      table.insert(group.issues, issue)
      if not tables.find(group.services, function(known) return known.id == service.id end) then
        table.insert(group.services, service)
      end
      local mode = incidents.mode_for(service.name, rules.mode, seen.place.mode)
      if SEVERITIES[issue.severity] >= SEVERITIES[rules.act_on] and not is_own(service) then
        group.is_serious = true
        if MODES[mode] > MODES[group.mode] then group.mode = mode end
      end
    end
  end
  return groups
end

local function brief(service)
  return {
    id = service.id, name = service.name, role = service.role, source = service.source,
    repository = service.repository, branch = service.branch,
    root_directory = service.root_directory, build = service.build, start = service.start,
    has_domain = service.has_domain, deployment = service.deployment and {
      id = service.deployment.id, status = service.deployment.status,
      commit = service.deployment.commit,
    } or nil, deployed_at = service.deployed_at,
  }
end

local function worse(a, b)
  return SEVERITIES[a] >= SEVERITIES[b] and a or b
end

local function severest(issues)
  local severity = "warning"
  for _, issue in ipairs(issues) do severity = worse(severity, issue.severity) end
  return severity
end

local function earliest(issues)
  local since = now()
  for _, issue in ipairs(issues) do since = math.min(since, issue.since or since) end
  return since
end

local function new_incident(id, seen, group, rules)
  local first = tables.find(group.services, function(service) return service.repository end)
  local requests = {}
  for _, service in ipairs(group.services) do
    requests[service.name] = look.requests(seen.metrics[service.name])
  end
  return {
    id = id, openings = 1, state = "open", target = group.target,
    project = seen.project, environment = seen.environment, project_name = seen.project_name,
    environment_name = seen.environment_name, repository = first and first.repository,
    branch = first and first.branch, services = tables.map(group.services, brief),
    issues = group.issues, severity = severest(group.issues), mode = group.mode,
    mode_is_given = rules.mode ~= nil or nil, window = seen.window.to - seen.window.from,
    step = seen.window.step, since = earliest(group.issues), opened_at = now(),
    looked_at = seen.window.to, good_looks = 0, requests = requests, cost = 0,
    project_health = seen.project_health, notes = tables.list(),
  }
end

-- An issue that is known keeps its beginning and the numbers it was opened with.
local function join_issue(known, issue, severity)
  known.severity = worse(known.severity, severity)
  known.since = math.min(known.since or issue.since, issue.since or known.since)
  known.latest = issue.value
end

local function join(incident, group, seen)
  for _, issue in ipairs(group.issues) do
    local known = tables.find(incident.issues, function(candidate)
      return candidate.service == issue.service and candidate.metric == issue.metric
    end)
    if known then
      join_issue(known, issue, issue.severity)
    else
      table.insert(incident.issues, issue)
    end
  end
  for _, service in ipairs(group.services) do
    local is_known = tables.find(incident.services, function(known)
      return known.id == service.id
    end)
    if not is_known then
      table.insert(incident.services, brief(service))
      incident.requests[service.name] = look.requests(seen.metrics[service.name])
    end
  end
  incident.severity = worse(incident.severity, severest(group.issues))
  incident.looked_at, incident.good_looks = seen.window.to, 0
end

local function is_held(door, issue)
  local hold = door.holds[incidents.issue_key(issue)]
  return hold and hold.till > now() and SEVERITIES[issue.severity] <= SEVERITIES[hold.severity]
end

-- Whether the group holds something serious that nobody has declined.
local function has_news(door, group, rules)
  return tables.find(group.issues, function(issue)
    return SEVERITIES[issue.severity] >= SEVERITIES[rules.act_on] and not is_held(door, issue)
  end) ~= nil
end

local function run_id(incident)
  return incident.openings == 1 and incident.id
    or ("%s-%d"):format(incident.id, incident.openings)
end

-- Opens or joins. The new id is drawn outside of the update, whose function may run again; it also
-- tells whether it was this look that is to start a run.
local function take_up(seen, group, rules, may_open)
  local id, at = uuid(), now()
  local door = state.update(door_key(seen.place, group.target), function(current)
    if (current and current.is_open) or not may_open then return current end
    current = current or { is_open = false, holds = {} }
    if not has_news(current, group, rules) then return current end
    current.is_open, current.id, current.opened_at = true, id, at
    return current
  end)
  if not door or not door.is_open then return nil end
  local incident = state.update(record_key(door.id), function(current)
    if current then join(current, group, seen) end
    current = current or new_incident(door.id, seen, group, rules)
    if current.state == "open" and not current.run then
      current.run, current.claim = run_id(current), id
    end
    return current
  end)
  return incident, incident.claim == id
end

-- Whether a look could see all that an incident is about, and saw nothing wrong.
local function is_good_for(incident, seen)
  if seen.blind then return false end
  for _, issue in ipairs(incident.issues) do
    local is_there = tables.find(seen.services, function(service)
      return service.name == issue.service
    end)
    local is_unknown = tables.find(seen.not_judged, function(entry)
      return (entry.service == issue.service or entry.service == "*")
        and entry.metric == issue.metric
    end)
    if not is_there or is_unknown then return false end
  end
  return true
end

local function note_quiet(door_id, seen)
  local incident = incidents.get(door_id)
  if not is_good_for(incident, seen) then return incident end
  incident = state.update(record_key(door_id), function(current)
    current.good_looks, current.looked_at = current.good_looks + 1, seen.window.to
    return current
  end)
  if incident.good_looks >= GOOD_LOOKS and ENDS_QUIETLY[incident.state] then
    return incidents.close(door_id, "expired", nil, "the trouble went away by itself")
  end
  return incident
end

local function summary(incident)
  return {
    id = incident.id, state = incident.state, severity = incident.severity,
    repository = incident.repository, services = incidents.service_names(incident),
    since = incident.since, run = incident.run, pull_request = incident.pull_request,
  }
end

local function would(group, rules)
  return {
    services = tables.map(group.services, function(service) return service.name end),
    repository = tables.find(group.services, function(s) return s.repository end) and group.target,
    severity = severest(group.issues), metrics = tables.map(group.issues, function(issue)
      return issue.metric
    end),
    action = "open an incident, write a plan, have it carried out, open a draft pull request",
    act_on = rules.act_on, worst_case_cost = incidents.WORST_CASE,
  }
end

local function sorted_keys(of)
  local keys = {}
  for key in pairs(of) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function start_run(incident)
  start("handle_incident", { incident = incident.id }, { id = incident.run })
end

---Opens, joins and expires incidents by what a look saw, and starts a run for each that nobody
---handles yet.
---@param seen tend.Seen
---@param rules tend.Rules
---@return {incidents: table[], started: string[], would_do: table[]}
function incidents.settle(seen, rules)
  local result = { incidents = tables.list(), started = tables.list(), would_do = tables.list() }
  if not seen.place then return result end
  local groups, in_trouble = group_by_target(seen, rules), {}
  for _, target in ipairs(sorted_keys(groups)) do
    local group = groups[target]
    local may_open = group.is_serious and group.mode ~= "observe"
    local incident, is_new = take_up(seen, group, rules, may_open)
    if incident then
      in_trouble[incident.id] = true
      table.insert(result.incidents, summary(incident))
      if incident.state == "open" then start_run(incident) end
      if is_new then table.insert(result.started, incident.run) end
    elseif group.is_serious and group.mode == "observe" then
      table.insert(result.would_do, would(group, rules))
    end
  end
  for _, key in ipairs(state.list(door_prefix(seen.place), { limit = 1000 })) do
    local door = state.get(key)
    if door and door.is_open and not in_trouble[door.id] then
      table.insert(result.incidents, summary(note_quiet(door.id, seen)))
    end
  end
  return result
end

---@param issue tend.Issue
---@return string
function incidents.issue_key(issue)
  return issue.service .. "/" .. issue.metric
end

---A title for people: "api, worker: error_rate_5xx 26 %, memory 84 %".
---@param incident tend.Incident
---@return string
function incidents.title(incident)
  return ("%s: %s"):format(table.concat(incidents.service_names(incident), ", "),
    table.concat(tables.map(incident.issues, function(issue) return issue.metric end), ", "))
end

---How long after a deployment nothing is judged.
---@param incident tend.Incident
---@return number seconds
function incidents.grace(incident)
  return math.min(3 * incident.step, 180)
end

return incidents
