-- Takes one incident to its end: gathers context, has a fix made, follows the pull request until
-- it is merged and deployed, and says whether the service recovered. Its run id is the
-- incident's id.

local incidents = require "incidents"
local tables = require "tables"

local LOOK_AGAIN = "10m"
local PATIENCE = 144 -- times: a day

local function result_of(incident, verdict)
  return {
    incident = incident.id, state = incident.state, verdict = verdict or incident.verdict,
    pull_requests = tables.list { incident.pull_request }, cost = incident.cost or 0,
  }
end

-- A part that failed for good leaves the incident to a person, with the reason.
local function try(workflow, input)
  local ok, answer = pcall(invoke, workflow, input)
  if ok then return answer end
  if type(answer) ~= "table" or answer.kind == "cancelled" then error(answer, 0) end
  return nil, ("%s failed: %s"):format(workflow, tables.cut(tostring(answer.message), 500))
end

-- A provider's outage is nobody's bug: nothing is planned while it lasts.
local function gather_context(id)
  local context, problem = try("pull_service_context", { incident = id })
  for _ = 1, PATIENCE do
    if not context or context.verdict ~= "wait" then break end
    local incident = incidents.move(id, "waiting", nil, "a provider has an outage")
    if incidents.has_ended(incident) then break end
    sleep(LOOK_AGAIN, { name = "wait for the provider" })
    context, problem = try("pull_service_context", { incident = id })
  end
  return context, problem
end

-- What there is to wait for where no pull request came out of it.
local function why_waiting(fix)
  if #fix.refused > 0 then
    return "the change was refused: " .. fix.refused[1].path .. ": " .. fix.refused[1].reason
  end
  if fix.waits_for then return fix.waits_for end
  return ("the plan says %q; it is for a person to decide"):format(fix.action or "ask")
end

local function given_up(id, problem)
  return result_of(incidents.move(id, "waiting", nil, problem))
end

local function after_the_merge(id, check)
  local fields = { verdict = check.verdict }
  if check.verdict == "recovered" then
    return incidents.close(id, "recovered", fields, "measured after the deployment")
  end
  if check.verdict == "declined" then
    return incidents.close(id, "declined", fields, "the pull request was closed")
  end
  if check.deployment_failed then
    return incidents.reopen(id, "the merged change failed to deploy")
  end
  return incidents.move(id, "waiting", fields, "after the merge: " .. check.verdict)
end

---@type tend.Workflow
return {
  description = "Takes one incident from its discovery to a verdict.",
  permissions = { net = {}, exec = {}, fs = {}, env = {} },
  input = { incident = json.null },
  run = function(input)
    local id = input.incident
    local incident = incidents.move(id, "handling")
    if incidents.has_ended(incident) then return result_of(incident) end

    local context, problem = gather_context(id)
    if not context then return given_up(id, problem) end
    incident = incidents.move(id, "handling")
    if incidents.has_ended(incident) then return result_of(incident) end

    local fix
    fix, problem = try("generate_fix", { incident = id, context = context })
    if not fix then return given_up(id, problem) end
    local pull_request = fix.pull_requests[1]
    if not pull_request then
      return result_of(incidents.move(id, "waiting", nil, why_waiting(fix)))
    end

    incidents.move(id, "pull_request", { pull_request = pull_request }, "a pull request is open")
    local check
    check, problem = try("verify_fix",
      { incident = id, pull_request = pull_request, poll = settings.poll or "60s" })
    if not check then return given_up(id, problem) end
    return result_of(after_the_merge(id, check), check.verdict)
  end,
}
