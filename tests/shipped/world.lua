-- What the shipped workflows find outside, for their tests: a Railway project with one service,
-- GitHub, an incident.

local clock = require "clock"

local world = {}

world.PROJECT = "11111111-1111-4111-8111-111111111111"
world.ENVIRONMENT = "22222222-2222-4222-8222-222222222222"
world.SERVICE = "33333333-3333-4333-8333-333333333333"
world.REPOSITORY = "acme/shop"
local LIMIT_GB = 8

---Settings of a project in this mode.
function world.settings(t, mode)
  t.settings {
    projects = { { project = world.PROJECT, environment = world.ENVIRONMENT, mode = mode,
      token = secret "RAILWAY_TOKEN" } },
    github = { token = secret "GITHUB_TOKEN" }, model = "openai/model", workspace = "/work",
  }
end

local function instance(has)
  local created = clock.rfc3339(has.deployed_at or 1767500000)
  return {
    id = "instance", serviceId = world.SERVICE, serviceName = "api", numReplicas = 1,
    source = { repo = world.REPOSITORY },
    latestDeployment = { id = "deployment", status = has.deployment or "SUCCESS",
      createdAt = created, statusUpdatedAt = created,
      meta = { commitHash = has.commit or "aaaa", branch = "main" } },
    activeDeployments = json.array {}, domains = { serviceDomains = json.array {},
      customDomains = json.array {} },
  }
end

local function one(node)
  return { edges = json.array { node and { node = node } }, pageInfo = { hasNextPage = false } }
end

local function series(measurement, value, variables)
  local values = json.array {}
  local from, to = clock.parse(variables.startDate), clock.parse(variables.endDate)
  for at = from, to - 1, variables.sampleRateSeconds do
    values[#values + 1] = { ts = math.floor(at), value = value }
  end
  return { measurement = measurement, tags = { serviceId = world.SERVICE }, values = values }
end

local function metrics(has, variables)
  return { metrics = {
    series("MEMORY_USAGE_GB", LIMIT_GB * (has.memory or 0.4), variables),
    series("MEMORY_LIMIT_GB", LIMIT_GB, variables),
    series("CPU_USAGE", 0.2, variables), series("CPU_LIMIT", 8, variables),
  } }
end

-- What Railway says to each operation.
local function answer(has, asked)
  local name, variables = asked.operationName, asked.variables
  if name == "ProjectMetrics" then return metrics(has, variables) end
  local data = ({
    Architecture = {
      project = { id = world.PROJECT, name = "shop" },
      environment = { id = world.ENVIRONMENT, name = "production", isEphemeral = false,
        serviceInstances = one(instance(has)), volumeInstances = one(),
        deploymentTriggers = one() },
    },
    EnvironmentLogs = { environmentLogs = json.array {} },
    DeploymentLogs = { deploymentLogs = json.array {} },
    BuildLogs = { buildLogs = json.array {} },
    HttpLogs = { httpLogs = json.array {} },
    Deployments = { deployments = one(instance(has).latestDeployment) },
    PlatformStatus = { platformStatus = { isStable = not has.outage, incident = has.outage and
      { id = "1", message = has.outage, status = "INVESTIGATING", url = "" } or json.null } },
    VariableNames = { environment = { variables = one() } },
  })[name]
  return data or error("the world has no answer to " .. name)
end

---Railway, with a service that `has` {memory = part of the limit, deployment, commit, outage}; it may
---be changed later.
function world.railway(t, has)
  t.http("POST backboard.railway.com/graphql/v2", function(request)
    return { json = { data = answer(has, request.json) } }
  end)
  return has
end

---Puts an incident into the state: memory of "api", critical.
function world.incident(t, fields)
  local incident = {
    id = "incident-1", run = "incident-1", openings = 1, state = "handling",
    target = world.REPOSITORY, project = world.PROJECT, environment = world.ENVIRONMENT,
    project_name = "shop", environment_name = "production", repository = world.REPOSITORY,
    branch = "main", severity = "critical", mode = "pull_request", window = 1800, step = 60,
    since = 1767600000, opened_at = 1767603000, looked_at = 1767603000, good_looks = 0,
    requests = { api = 0 }, cost = 0, project_health = "1 of 1 services in trouble",
    notes = json.array {},
    services = { { id = world.SERVICE, name = "api", role = "worker", source = world.REPOSITORY,
      repository = world.REPOSITORY, branch = "main", has_domain = false,
      deployment = { id = "deployment", status = "SUCCESS", commit = "aaaa" } } },
    issues = { { service = "api", metric = "memory", severity = "critical", value = 98,
      threshold = 97, unit = "% of limit", since = 1767600000, evidence = { "98 % in 30 of 30" } } },
  }
  for key, value in pairs(fields or {}) do incident[key] = value end
  t.state("incident/" .. incident.id, incident)
  return incident
end

function world.incident_now(t)
  return t.state_of("incident/incident-1")
end

---The context that pull_service_context would give.
world.CONTEXT = {
  project_health = "1 of 1 services in trouble", verdict = "act", context_summary = "api",
  services = json.array {}, providers = json.array {},
  evidence = { { id = "e1", source = "api: memory", text = "98 % of the limit" } },
}

world.PULL_REQUEST = { repo = world.REPOSITORY, number = 7, branch = "tend/api-1",
  url = "https://github.example/acme/shop/pull/7" }

return world
