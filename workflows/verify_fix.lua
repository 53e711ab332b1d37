-- Follows a pull request until it is closed or merged, waits until the merged commit is deployed
-- and has served for a whole window, asks the same question of the same metrics, and says on the
-- pull request what came out. Days of waiting cost nothing.

local architecture = require "architecture"
local clock = require "clock"
local github = require "github"
local incidents = require "incidents"
local look = require "look"
local railway = require "railway"
local report = require "report"
local tables = require "tables"

local STALE = 14 * 86400
local DEPLOYS_WITHIN = 2 * 3600
local QUIET_EVERY = 10 -- polls between two looks at the incident
local BLIND_LOOKS = 20
local TRAFFIC = 0.25 -- of what it was: with less, nothing can be said

-- The pull request ---------------------------------------------------------------------------

local function standing_of(pull)
  local ok, standing = pcall(step, "see how the pull request stands", { timeout = "60s" },
    function() return github.standing(pull) end)
  if ok then return standing end
  if type(standing) ~= "table" or standing.kind == "cancelled" then error(standing, 0) end
  log.warn("GitHub can't be asked", { why = standing.message })
  return nil
end

local function comment(incident, pull, what, text)
  local marker = ("<!-- tend-%s %s -->"):format(what, incident.run or incident.id)
  local ok, problem = pcall(step, "comment on the pull request", function()
    github.comment(pull, marker, text)
  end)
  if ok then return end
  if type(problem) ~= "table" or problem.kind == "cancelled" then error(problem, 0) end
  log.warn("the comment could not be made", { why = problem.message })
end

-- While people look at the request the trouble may go away by itself: that is said once.
local function say_if_quiet(id, pull, is_said)
  if is_said then return true end
  local incident = incidents.get(id)
  if incident.good_looks < 3 then return false end
  comment(incident, pull, "quiet", "The trouble has not been seen in the last three looks, "
    .. "without this change. Whether to merge it is for you to decide.")
  return true
end

-- Until the request is closed or merged; nil where nobody has decided for two weeks.
local function follow(id, pull, poll)
  local give_up, polls, is_said = now() + STALE, 0, false
  while now() < give_up do
    local standing = standing_of(pull)
    if standing and (standing.is_merged or standing.state == "closed") then return standing end
    polls = polls + 1
    if polls % QUIET_EVERY == 0 then is_said = say_if_quiet(id, pull, is_said) end
    sleep(poll, { name = "wait for the pull request" })
  end
  return nil
end

-- The deployment -----------------------------------------------------------------------------

local FAILED = { FAILED = true, CRASHED = true }
local GIVES_NOTHING = { SKIPPED = true, REMOVED = true }

local function contains(pull, merged, commit)
  return step("see whether a later commit holds the fix", function()
    return github.contains(pull.repo, merged, commit)
  end)
end

-- The newest deployment of a service that holds the merged commit.
local function holding(place, service, pull, standing, known)
  local reply = railway.deployments(place, service.id, 10)
  local merged_at = clock.parse(standing.merged_at) or 0
  for _, deployment in ipairs(reply.data or {}) do
    local commit = deployment.commit
    if commit == standing.merge_commit_sha then return deployment end
    if commit and (deployment.created_at or 0) > merged_at then
      if known[commit] == nil then
        known[commit] = contains(pull, standing.merge_commit_sha, commit)
      end
      if known[commit] then return deployment end
    end
  end
end

-- When each service serves the fix: {at}, {failed}, or nothing yet.
local function deployed(place, services, pull, standing, known)
  local latest = nil
  for _, service in ipairs(services) do
    local deployment = holding(place, service, pull, standing, known)
    if not deployment then return nil end
    if FAILED[deployment.status] then return { failed = deployment } end
    if deployment.status == "SUCCESS" then
      local at = deployment.updated_at or deployment.created_at or now()
      latest = math.max(latest or at, at)
    elseif not GIVES_NOTHING[deployment.status] then
      return nil
    end
  end
  return latest and { at = latest }
end

local function wait_for_deployment(place, services, pull, standing, poll)
  local give_up, known = now() + DEPLOYS_WITHIN, {}
  while now() < give_up do
    local found = deployed(place, services, pull, standing, known)
    if found then return found end
    sleep(poll, { name = "wait for the deployment" })
  end
  return nil
end

-- The same question --------------------------------------------------------------------------

local function measure(place, incident, window)
  local found = architecture.read(place)
  local services = tables.filter(found.services, function(service)
    return tables.find(incident.services, function(known) return known.id == service.id end)
  end)
  if found.blind or #services == 0 then return nil end
  local measured = look.measure(place, services, window, found.not_judged)
  return not measured.blind and measured or nil
end

-- A whole window after what isn't judged after a deployment. While tend is blind the window is
-- taken later.
local function measure_after(place, incident, deployed_at)
  local from = math.ceil((deployed_at + incidents.grace(incident)) / incident.step) * incident.step
  for _ = 1, BLIND_LOOKS do
    local window = { from = from, to = from + incident.window, step = incident.step }
    sleep_until(window.to + incident.step, { name = "let a whole window pass" })
    local measured = measure(place, incident, window)
    if measured then return measured, window end
    from = from + incident.window
  end
  return nil
end

local function same(issue)
  return function(other) return other.service == issue.service and other.metric == issue.metric end
end

local SEVERITY = { warning = 1, critical = 2 }

-- How one issue of before looks now.
local function compare(issue, measured)
  local still = tables.find(measured.issues, same(issue))
  local unknown = tables.find(measured.not_judged, same(issue))
  local row = { service = issue.service, metric = issue.metric, unit = issue.unit,
    was = issue.severity, before = issue.value }
  row.after, row.after_unit = look.value(measured.metrics[issue.service], issue.metric)
  if still then
    row.after, row.after_unit = still.value, still.unit
    local is_worse = SEVERITY[still.severity] > SEVERITY[issue.severity]
    row.says, row.severity = is_worse and "worse" or "unchanged", still.severity
  elseif unknown then
    row.says, row.why = "cannot_tell", unknown.why
  else
    row.says = "recovered"
  end
  return row
end

local OF_TRAFFIC = { error_rate_5xx = true, error_rate_4xx = true, latency_p95 = true,
  cpu = true, memory = true }

local function check_traffic(row, incident, measured)
  local before = (incident.requests or {})[row.service] or 0
  local after = look.requests(measured.metrics[row.service])
  if row.says == "recovered" and OF_TRAFFIC[row.metric] and after < before * TRAFFIC then
    row.says = "cannot_tell"
    row.why = ("%s requests instead of %s"):format(report.number(after), report.number(before))
  end
  return row
end

local ORDER = { "worse", "unchanged", "cannot_tell" }

-- Where something was critical, a warning beside it doesn't decide, unless it became worse.
local function verdict_of(rows)
  local critical = tables.filter(rows, function(row) return row.was == "critical" end)
  local deciding = #critical > 0 and critical or rows
  for _, verdict in ipairs(ORDER) do
    local among = verdict == "worse" and rows or deciding
    if tables.find(among, function(row) return row.says == verdict end) then return verdict end
  end
  return "recovered"
end

-- The issues that the change was made for; what joined later is the next look's.
local function issues_of(incident)
  if not incident.planned then return incident.issues end
  return tables.filter(incident.issues, function(issue)
    return tables.find(incident.planned, function(key)
      return key == incidents.issue_key(issue)
    end)
  end)
end

-- The whole ----------------------------------------------------------------------------------

local function result(incident, fields)
  fields.before = issues_of(incident)
  fields.after = tables.list(fields.after)
  return fields
end

local function with_code(incident)
  local services = tables.filter(incident.services, function(service)
    return service.repository ~= nil
  end)
  return #services > 0 and services or incident.services
end

local function not_deployed(incident, pull, merged_at, failed)
  comment(incident, pull, "verdict", report.verdict("not_deployed", {}, nil))
  return result(incident, { verdict = "not_deployed", merged_at = merged_at,
    deployment_failed = failed ~= nil or nil })
end

---@type tend.Workflow
return {
  description = "Follows a pull request to its end and says whether the services recovered.",
  permissions = { net = {}, exec = {}, fs = {}, env = {} },
  input = { incident = json.null, pull_request = json.null, poll = "60s" },
  run = function(input)
    local incident, pull = incidents.get(input.incident), input.pull_request
    local place = railway.place_of(incident)

    local standing = follow(incident.id, pull, input.poll)
    if not standing then return result(incident, { verdict = "cannot_tell", is_stale = true }) end
    if not standing.is_merged then return result(incident, { verdict = "declined" }) end
    local merged_at = standing.merged_at
    incidents.move(incident.id, "verifying", nil, "the pull request was merged")

    local found = wait_for_deployment(place, with_code(incident), pull, standing, input.poll)
    if not found or found.failed then
      return not_deployed(incident, pull, merged_at, found and found.failed)
    end

    local deployed_at = clock.rfc3339(found.at)
    local measured, window = measure_after(place, incident, found.at)
    if not measured then
      return result(incident, { verdict = "cannot_tell", merged_at = merged_at,
        deployed_at = deployed_at })
    end
    local rows = tables.map(issues_of(incident), function(issue)
      return check_traffic(compare(issue, measured), incident, measured)
    end)
    local verdict = verdict_of(rows)
    comment(incident, pull, "verdict", report.verdict(verdict, rows, window))
    return result(incident, { verdict = verdict, after = rows, merged_at = merged_at,
      deployed_at = deployed_at, compared_window = { from = window.from, to = window.to } })
  end,
}
