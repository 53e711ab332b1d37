local test = require "test"
local world = require "world"

local function look(t, input)
  local run = t.run("monitor_project_health", input)
  t.equal(run.status, "completed")
  return run.result
end

test.case("a healthy project opens nothing", function(t)
  world.settings(t, "pull_request")
  world.railway(t, {})
  local seen = look(t)
  t.equal(seen.issues, {})
  t.equal(seen.started, {})
  t.equal(seen.services[1].name, "api")
end)

test.case("critical memory opens one incident, and its run is started once", function(t)
  world.settings(t, "plan")
  world.railway(t, { memory = 0.98 })
  t.start("handle_incident")
  local seen = look(t)
  t.contains(seen.issues[1], { service = "api", metric = "memory", severity = "critical" })
  t.equal(seen.incidents[1].state, "open")
  local started = t.calls("start")
  t.equal(#started, 1)
  t.equal(started[1].id, seen.incidents[1].id)
  t.contains(t.state_of("incident/" .. started[1].id),
    { mode = "plan", repository = "acme/shop", severity = "critical" })
end)

test.case("another look joins the incident that is open", function(t)
  world.settings(t, "plan")
  world.railway(t, { memory = 0.98 })
  t.start("handle_incident")
  local first = look(t)
  t.advance("10m")
  local second = look(t)
  t.equal(second.incidents[1].id, first.incidents[1].id)
  t.equal(second.started, {})
end)

test.case("in mode observe it says what it would do, and does nothing", function(t)
  world.settings(t, "observe")
  world.railway(t, { memory = 0.98 })
  local seen = look(t)
  t.equal(seen.incidents, {})
  t.contains(seen.would_do[1], { severity = "critical", metrics = { "memory" } })
  t.equal(t.calls("start"), {})
end)

test.case("a warning opens an incident only where act_on says so", function(t)
  world.settings(t, "plan")
  world.railway(t, { memory = 0.93 })
  t.start("handle_incident")
  t.equal(look(t).incidents, {})
  t.equal(#look(t, { act_on = "warning" }).incidents, 1)
end)

test.case("three good looks end an incident that nobody handled yet", function(t)
  world.settings(t, "plan")
  local has = world.railway(t, { memory = 0.98 })
  t.start("handle_incident")
  local id = look(t).incidents[1].id
  has.memory = 0.4
  for _ = 1, 3 do
    t.equal(t.state_of("incident/" .. id).state, "open")
    t.advance("10m")
    look(t)
  end
  t.equal(t.state_of("incident/" .. id).state, "expired")
end)

test.case("a crashed deployment is critical", function(t)
  world.settings(t, "plan")
  world.railway(t, { deployment = "CRASHED" })
  t.start("handle_incident")
  t.contains(look(t).issues[1], { metric = "deployment", severity = "critical" })
end)

test.case("where Railway is silent, nothing is judged and nothing fails", function(t)
  world.settings(t, "plan")
  t.http("POST backboard.railway.com/graphql/v2", test.never)
  local seen = look(t)
  t.equal(seen.issues, {})
  t.equal(seen.not_judged[1].service, "*")
end)

test.case("a mode that doesn't exist is an error of the input", function(t)
  world.settings(t, "plan")
  local run = t.run("monitor_project_health", { mode = "panic" })
  t.equal(run.status, "failed")
  t.match(run.error.message, "observe, plan, pull_request")
end)
