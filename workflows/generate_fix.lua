-- Turns an incident and its context into a plan, and the plan into one draft pull request: the
-- coding agent works in a clone that the host made, the host takes its tree over, checks it,
-- commits it as its own, pushes it and opens the request. What the checks refuse never leaves.

local changes = require "changes"
local git = require "git"
local github = require "github"
local incidents = require "incidents"
local limits = require "limits"
local plan = require "plan"
local report = require "report"
local tables = require "tables"

local SIZE = { files = changes.FILES, lines = changes.LINES }
-- Models, the agent's server, pushes and GitHub are tried again for a day; then a person is asked.
local PATIENCE = { attempts = 400, initial = "1s", max = "5m" }
local SLOT_EVERY, SLOTS = "10m", 144
local PLANS = 3 -- at most, where trouble joins while one is written

-- Every way out has the same fields.
local function result(fields)
  return {
    plan = fields.plan, action = fields.action,
    pull_requests = tables.list(fields.pull_requests), refused = tables.list(fields.refused),
    cost = fields.cost or 0, waits_for = fields.waits_for,
  }
end

local function is_to_stop(problem)
  return type(problem) ~= "table" or problem.kind == "cancelled"
end

local function wait_for_people(fields, why)
  fields.waits_for = why
  return result(fields)
end

-- Runs `fn`; a failure that patience did not mend becomes what the incident waits for.
local function patiently(what, fn)
  local ok, value = pcall(fn)
  if ok then return value end
  if is_to_stop(value) then error(value, 0) end
  return nil, ("%s failed: %s"):format(what, tables.cut(tostring(value.message), 500))
end

-- A request of tend's that is open already, opened by this home or by one that was lost.
local function find_open(incident)
  return step("look for an open pull request", { retry = PATIENCE, deadline = "24h" }, function()
    return github.open_with(incident.repository, report.marker_of_environment(incident))
  end)
end

local function adopt(pull_request)
  pull_request.adopted = true
  return result { action = "fix", pull_requests = { pull_request } }
end

local function repository_facts(incident)
  return step("ask what the repository is", function()
    return github.repository(incident.repository)
  end)
end

local function have_it_fixed(incident, context, written, place)
  return agent {
    name = "fix", directory = place.agent, timeout = "30m", retry = PATIENCE, deadline = "24h",
    prompt = plan.agent_prompt(incident, context, written, SIZE),
    shell = { git.COMMIT_THE_REST },
  }
end

local function commit_message(incident, written)
  return ("%s\n\n%s\n\nIncident: %s\n"):format(report.pull_request_title(incident),
    report.defuse(tables.cut(written.summary, 600)), incident.id)
end

local function branch_name(incident)
  local again = incident.openings > 1 and "-" .. incident.openings or ""
  return ("tend/%s-%s%s"):format(git.slug(incident.services[1].name), incident.id:sub(-8), again)
end

-- Waits until the limits across all runs allow another request.
local function reserve(id)
  for _ = 1, SLOTS do
    if limits.reserve(id) then return true end
    sleep(SLOT_EVERY, { name = "wait for a pull request's turn" })
  end
  return false
end

-- The one step that writes to GitHub. Whatever it did before a crash it finds again: the same
-- commit on the same branch, and its own request by the marker.
local function push_and_open(incident, place, commit, request)
  return step("push, and open the pull request",
    { retry = PATIENCE, deadline = "24h", timeout = "10m" }, function()
      local mode = incidents.mode_now(incident)
      if mode ~= "pull_request" then
        return { gave_way = ("the mode is %s now"):format(mode) }
      end
      local open = github.open_with(incident.repository, report.marker_of_environment(incident))
      if open[1] then return { pull_request = open[1] } end
      git.push(place, commit, request.head)
      return { pull_request = github.open(incident.repository, request) }
    end)
end

local function request_for(incident, facts, branch, explained)
  explained.hash = hash(json.encode {
    plan = explained.plan, evidence = explained.context.evidence,
  })
  explained.is_public = facts.is_public
  return { title = report.pull_request_title(incident), head = branch_name(incident),
    base = branch, body = report.pull_request(explained) }
end

local function open_pull_request(incident, place, request, change, done)
  local at = now()
  local commit, problem = patiently("tend's commit", function()
    return git.commit(place, change.tree, commit_message(incident, done.plan), at)
  end)
  if not commit then return wait_for_people(done, problem) end
  if not reserve(incident.id) then
    return wait_for_people(done, "too many pull requests of tend's are open")
  end
  incident = incidents.get(incident.id)
  if incidents.has_ended(incident) then
    limits.release(incident.id)
    return wait_for_people(done, "the trouble went away by itself")
  end
  local opened
  opened, problem = patiently("the pull request", function()
    return push_and_open(incident, place, commit, request)
  end)
  if not opened or opened.gave_way then
    limits.release(incident.id)
    return wait_for_people(done, problem or opened.gave_way)
  end
  done.pull_requests = { opened.pull_request }
  return result(done)
end

local function carry_out(incident, context, written, cost)
  local done = { plan = written, action = written.action, cost = cost }
  local facts = repository_facts(incident)
  local branch = incident.branch or facts.default_branch or "main"
  local place = git.workplace(incident.run or incident.id, incident.repository, branch)
  local session, problem = patiently("the agent's work", function()
    git.prepare(place)
    return have_it_fixed(incident, context, written, place)
  end)
  if not session then return wait_for_people(done, problem) end
  done.cost = cost + (session.cost or 0)
  incident = incidents.move(incident.id, "handling",
    { cost = (incident.cost or 0) + (session.cost or 0) })

  local change
  change, problem = patiently("the check of the agent's work", function()
    return git.take(place, SIZE)
  end)
  if not change then return wait_for_people(done, problem) end
  if #change.refused > 0 then
    incidents.move(incident.id, "waiting", { patch = change.patch, refused = change.refused },
      "the change was refused")
    done.refused = change.refused
    return result(done)
  end
  local request = request_for(incident, facts, branch, { incident = incident, context = context,
    plan = written, session = session, change = change, cost = incident.cost })
  return open_pull_request(incident, place, request, change, done)
end

-- Whether the evidence speaks of everything that is in trouble by now.
local function covers(context, incident)
  for _, issue in ipairs(incident.issues) do
    local source = issue.service .. ": " .. issue.metric
    if not tables.find(context.evidence, function(piece) return piece.source == source end) then
      return false
    end
  end
  return true
end

local CHANGES_CODE = { fix = true, revert = true }

-- Trouble that joined while the plan was written belongs into it: the plan is written again.
local function write_plan(incident, context)
  local cost, cost_before = 0, incident.cost or 0
  for turn = 1, PLANS do
    local written, spent = plan.write(incident, context)
    cost = cost + spent
    if not incident.repository and CHANGES_CODE[written.action] then written.action = "ask" end
    incident = incidents.move(incident.id, "handling", {
      plan = written, cost = cost_before + cost,
      planned = tables.map(incident.issues, incidents.issue_key),
    }, "the plan says " .. written.action)
    if turn == PLANS or incidents.has_ended(incident) or covers(context, incident) then
      return { incident = incident, context = context, plan = written, cost = cost }
    end
    context = invoke("pull_service_context", { incident = incident.id })
    incident = incidents.get(incident.id)
  end
end

---@type tend.Workflow
return {
  description = "Has a plan written and carried out, up to one draft pull request.",
  permissions = { net = {}, exec = { "git", "sh" }, fs = {}, env = {} },
  input = { incident = json.null, context = json.null },
  run = function(input)
    local incident, context = incidents.get(input.incident), input.context
    if incident.repository and incident.mode == "pull_request" then
      local open, problem = patiently("the question for open pull requests", function()
        return find_open(incident)
      end)
      if not open then return wait_for_people({}, problem) end
      if open[1] then return adopt(open[1]) end
    end

    local planned, problem = patiently("the plan", function()
      return write_plan(incident, context)
    end)
    if not planned then return wait_for_people({}, problem) end
    local written, cost = planned.plan, planned.cost
    incident, context = planned.incident, planned.context
    local done = { plan = written, action = written.action, cost = cost }
    if not CHANGES_CODE[written.action] or incidents.has_ended(incident) then
      return result(done)
    end
    if incident.mode ~= "pull_request" then
      return wait_for_people(done, "the mode is plan: the plan is for people to carry out")
    end
    return carry_out(incident, context, written, cost)
  end,
}
