local test = require "test"
local world = require "world"

local function handle(t)
  local run = t.run("handle_incident", { incident = "incident-1" })
  t.equal(run.status, "completed")
  return run.result, run
end

local function fixed(fields)
  local fix = { action = "fix", pull_requests = { world.PULL_REQUEST }, refused = json.array {},
    cost = 0 }
  for key, value in pairs(fields or {}) do fix[key] = value end
  return fix
end

-- Everything goes well, unless a case says otherwise.
local function begin(t)
  world.settings(t, "pull_request")
  world.incident(t, { state = "open" })
  t.invoke("pull_service_context", world.CONTEXT)
  t.invoke("generate_fix", fixed())
  t.invoke("verify_fix", { verdict = "recovered" })
end

test.case("context, fix and verification lead to a recovered incident", function(t)
  begin(t)
  local result = handle(t)
  t.contains(result, { state = "recovered", verdict = "recovered" })
  t.equal(result.pull_requests[1].number, 7)
  local order = {}
  for _, call in ipairs(t.calls("invoke")) do order[#order + 1] = call.workflow end
  t.equal(order, { "pull_service_context", "generate_fix", "verify_fix" })
end)

test.case("a plan for people leaves it waiting", function(t)
  begin(t)
  t.invoke("generate_fix", fixed { action = "ask", pull_requests = json.array {} })
  t.equal(handle(t).state, "waiting")
  t.match(world.incident_now(t).notes[1].text, '"ask"')
  t.equal(t.calls("invoke", "verify_fix"), {})
end)

test.case("a refused change leaves it waiting, with the reason", function(t)
  begin(t)
  t.invoke("generate_fix", fixed { pull_requests = json.array {},
    refused = { { path = ".github/ci.yml", reason = "it belongs to git or to the forge" } } })
  t.equal(handle(t).state, "waiting")
  t.match(world.incident_now(t).notes[1].text, "%.github/ci%.yml")
end)

test.case("a part that fails for good leaves it to a person", function(t)
  begin(t)
  t.invoke("generate_fix", test.failure { message = "no such model" })
  t.equal(handle(t).state, "waiting")
  t.match(world.incident_now(t).notes[1].text, "generate_fix failed: .*no such model")
end)

test.case("while a provider has an outage nothing is planned", function(t)
  begin(t)
  local wait = { verdict = "wait", evidence = json.array {} }
  t.invoke("pull_service_context", { wait, wait, world.CONTEXT })
  local result, run = handle(t)
  t.equal(result.state, "recovered")
  t.equal(run.ended_at, "2026-01-05T09:20:00.000Z")
end)

test.case("a closed pull request declines it, and holds the trouble back for a month", function(t)
  begin(t)
  local door = ("trouble/%s/%s/%s"):format(world.PROJECT, world.ENVIRONMENT, world.REPOSITORY)
  t.state(door, { id = "incident-1", is_open = true, holds = {} })
  t.invoke("verify_fix", { verdict = "declined" })
  t.equal(handle(t).state, "declined")
  local held = t.state_of(door)
  t.equal(held.is_open, false)
  t.equal(held.holds["api/memory"], { severity = "critical", till = t.now() + 30 * 86400 })
end)

test.case("a merged change that doesn't deploy opens it again", function(t)
  begin(t)
  t.invoke("verify_fix", { verdict = "not_deployed", deployment_failed = true })
  t.equal(handle(t).state, "open")
  t.contains(world.incident_now(t), { openings = 2 })
end)

test.case("the program may end in any part and goes on", function(t)
  begin(t)
  local times = 0
  t.invoke("generate_fix", function()
    times = times + 1
    if times == 1 then t.crash() end
    return fixed()
  end)
  t.equal(handle(t).state, "recovered")
  t.equal(times, 2)
  t.equal(#t.calls("invoke", "pull_service_context"), 1)
end)
