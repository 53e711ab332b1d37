local test = require "test"
local world = require "world"

local PULL = "GET api.github.com/repos/acme/shop/pulls/7"
local OPEN = { json = { state = "open" } }
local MERGED_AT = 1767603600 + 180 -- after three polls

local function merged()
  return { json = { state = "closed", merged = true, merged_at = "2026-01-05T09:03:00Z",
    merge_commit_sha = "ffff" } }
end

local function begin(t, has)
  world.settings(t, "pull_request")
  world.incident(t, { state = "pull_request" })
  t.http(PULL, { OPEN, OPEN, OPEN, merged() })
  t.http("GET api.github.com/repos/acme/shop/issues/7/comments", { json = json.array {} })
  t.http("POST api.github.com/repos/acme/shop/issues/7/comments", { status = 201, json = {} })
  return world.railway(t, has)
end

local function verify(t, poll)
  local run = t.run("verify_fix",
    { incident = "incident-1", pull_request = world.PULL_REQUEST, poll = poll })
  t.equal(run.status, "completed")
  return run.result, run
end

local function deployed(memory)
  return { memory = memory, commit = "ffff", deployed_at = MERGED_AT + 60 }
end

test.case("merged, deployed and quiet: recovered, and it says so on the request", function(t)
  begin(t, deployed(0.4))
  local result = verify(t)
  t.contains(result, { verdict = "recovered", deployed_at = "2026-01-05T09:04:00Z" })
  t.contains(result.after[1], { metric = "memory", says = "recovered" })
  local comments = t.calls("http", "POST *comments")
  t.equal(#comments, 1)
  t.match(comments[1].json.body, "recovered")
end)

test.case("the same trouble after the deployment: unchanged", function(t)
  begin(t, deployed(0.98))
  t.equal(verify(t).verdict, "unchanged")
end)

test.case("it measures a whole window that begins after the deployment", function(t)
  begin(t, deployed(0.4))
  local result = verify(t)
  local window = result.compared_window
  t.equal(window.to - window.from, 1800)
  t.ok(window.from >= MERGED_AT + 60 + 180)
end)

test.case("closed without a merge: declined", function(t)
  begin(t, {})
  t.http(PULL, { json = { state = "closed", merged = false } })
  t.equal(verify(t).verdict, "declined")
end)

test.case("nobody decides for two weeks: nothing can be said", function(t)
  begin(t, {})
  t.http(PULL, function() return OPEN end)
  local result, run = verify(t, "6h")
  t.contains(result, { verdict = "cannot_tell", is_stale = true })
  t.match(run.ended_at, "^2026%-01%-19")
end)

test.case("the merged commit fails to deploy", function(t)
  begin(t, { commit = "ffff", deployment = "FAILED" })
  t.contains(verify(t), { verdict = "not_deployed", deployment_failed = true })
end)

test.case("the merged commit is never deployed: after two hours it says so", function(t)
  begin(t, { commit = "aaaa" })
  t.http(PULL, { OPEN, merged() })
  local result, run = verify(t, "10m")
  t.equal(result.verdict, "not_deployed")
  t.equal(result.deployment_failed, nil)
  t.match(run.ended_at, "T11:10")
end)

test.case("while GitHub can't be asked it goes on asking", function(t)
  begin(t, deployed(0.4))
  t.http(PULL, function(request)
    return t.now() < MERGED_AT and 502 or merged(request)
  end)
  t.equal(verify(t).verdict, "recovered")
end)
