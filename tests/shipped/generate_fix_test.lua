local test = require "test"
local world = require "world"

local function plan(fields)
  local written = {
    summary = "Orders are kept for ever.", architecture = "One process.",
    root_causes = { { cause = "The list of orders grows.", evidence_ids = { "e1" } } },
    affected_services = { "api" }, recommendations = { "Drop old orders." },
    debugging_steps = json.array {}, confidence = "high", action = "fix",
  }
  for key, value in pairs(fields or {}) do written[key] = value end
  return { json = written }
end

local function github(t)
  t.http("GET api.github.com/repos/acme/shop/pulls", { json = json.array {} })
  t.http("GET api.github.com/repos/acme/shop",
    { json = { default_branch = "main", private = true } })
  t.http("POST api.github.com/repos/acme/shop/pulls", { status = 201, json = {
    number = 7, html_url = "https://github.example/acme/shop/pull/7",
    head = { ref = "tend/api-cident-1" } } })
end

local RAW = ":100644 100644 %s %s M\0%s\0"
local OLD, NEW = ("a"):rep(40), ("b"):rep(40)

-- A host on which git works; the agent has changed one file.
local function host(t, path)
  t.exec("sh", "") -- the agent's folder is as tend made it
  t.exec("open the workplace", "")
  t.exec("clone the repository", ("c"):rep(40))
  t.exec("clone it for the agent", "")
  t.exec("git -C * fetch", "")
  t.exec("git -C * rev-parse", ("d"):rep(40))
  t.exec("git * diff-tree -r --no-renames -z --raw", RAW:format(OLD, NEW, path))
  t.exec("git * diff-tree -r --no-renames -z --numstat", "3\t1\t" .. path .. "\0")
  t.exec("git * diff-tree -r --no-renames -p", ("+++ b/%s\n+drop_old()\n"):format(path))
  t.exec("git * commit-tree", ("e"):rep(40))
  t.exec("git * push", "")
end

local function begin(t, mode)
  world.settings(t, mode)
  world.incident(t, { mode = mode })
  github(t)
  t.llm("plan", plan())
  t.agent("fix", "Done.")
  host(t, "src/orders.js")
end

local function generate(t)
  local run = t.run("generate_fix", { incident = "incident-1", context = world.CONTEXT })
  t.equal(run.status, "completed")
  return run.result, run
end

test.case("a plan becomes one draft pull request", function(t)
  begin(t, "pull_request")
  local result = generate(t)
  t.equal(result.pull_requests[1].number, 7)
  local opened = t.calls("http", "POST api.github.com/repos/acme/shop/pulls")
  t.equal(#opened, 1)
  t.contains(opened[1].json, { draft = true, base = "main", head = "tend/api-cident-1" })
  t.match(opened[1].json.body, "Orders are kept for ever")
  t.equal(#t.calls("exec", "git * push"), 1)
end)

test.case("in mode plan the plan is for people", function(t)
  begin(t, "plan")
  local result = generate(t)
  t.match(result.waits_for, "the mode is plan")
  t.equal(t.calls("agent"), {})
  t.equal(world.incident_now(t).plan.action, "fix")
end)

test.case("a plan that asks a person changes nothing", function(t)
  begin(t, "pull_request")
  t.llm("plan", plan { action = "ask" })
  t.equal(generate(t).action, "ask")
  t.equal(t.calls("agent"), {})
end)

test.case("a plan that cites what doesn't exist is mended once, then a person is asked", function(t)
  begin(t, "pull_request")
  local wrong = plan { root_causes = { { cause = "Ghosts.", evidence_ids = { "e99" } } } }
  t.llm("plan", wrong)
  t.llm("plan, mended", wrong)
  local result = generate(t)
  t.equal(result.action, "ask")
  t.match(result.plan.faults[1], '"e99"')
  t.equal(#t.calls("llm"), 2)
end)

test.case("a pull request of tend's that is open is adopted", function(t)
  begin(t, "pull_request")
  local report = require "report"
  local marker = report.marker_of_environment({ project = world.PROJECT,
    environment = world.ENVIRONMENT })
  t.http("GET api.github.com/repos/acme/shop/pulls", { json = { { number = 3, body = marker,
    html_url = "https://github.example/3", user = { login = "tend" },
    head = { ref = "tend/x", repo = { full_name = "acme/shop" } } } } })
  t.http("GET api.github.com/user", { json = { login = "tend" } })
  t.contains(generate(t).pull_requests[1], { number = 3, adopted = true })
  t.equal(t.calls("llm"), {})
end)

test.case("an agent that fails for a day leaves it to a person", function(t)
  begin(t, "pull_request")
  t.agent("fix", test.failure { message = "no server" })
  local result, run = generate(t)
  t.match(result.waits_for, "^the agent's work failed: ")
  t.ok(run.ended_at > "2026-01-06T08:50", run.ended_at)
  t.equal(t.calls("exec", "git * push"), {})
end)

test.case("a change of the checks themselves is refused, and never pushed", function(t)
  begin(t, "pull_request")
  host(t, ".github/workflows/ci.yml")
  local result = generate(t)
  t.equal(result.refused[1].path, ".github/workflows/ci.yml")
  t.equal(result.pull_requests, {})
  t.equal(t.calls("exec", "git * push"), {})
  t.equal(world.incident_now(t).state, "waiting")
end)

test.case("a push that is cut off by the end of the program is made again, one request opened",
  function(t)
    begin(t, "pull_request")
    local times = 0
    t.exec("git * push", function()
      times = times + 1
      if times == 1 then t.crash() end
      return ""
    end)
    t.equal(#generate(t).pull_requests, 1)
    t.equal(times, 2)
    t.equal(#t.calls("http", "POST api.github.com/repos/acme/shop/pulls"), 1)
  end)
