-- What a Railway environment consists of, in the words that workflows use: its services with
-- their source, branch, commands, deployment, volumes and role.

local clock = require "clock"
local railway = require "railway"
local tables = require "tables"

local architecture = {}

architecture.SERVICES_A_PAGE = 100

local DATABASES = { "postgres", "postgis", "timescale", "mysql", "mariadb", "redis", "valkey",
  "keydb", "dragonfly", "mongo", "clickhouse", "cassandra", "elasticsearch", "opensearch",
  "meilisearch", "typesense", "rabbitmq", "minio", "memcached", "influxdb", "neo4j", "qdrant",
  "surrealdb", "cockroach" }
local FRONTENDS = { "front", "^ui$", "-ui$", "^www$", "site", "client", "landing", "dashboard",
  "storefront" }
local FRONTEND_COMMANDS = { "next start", "next build", "vite", "nuxt", "astro", "serve %-s",
  "react%-scripts", "gatsby" }

local function says(text, patterns)
  return tables.find(patterns, function(pattern) return text:find(pattern) end) ~= nil
end

local function is_database(service)
  return (service.image and says(service.image:lower(), DATABASES))
    or (#service.volumes > 0 and not service.repository) or false
end

local function is_frontend(service)
  local commands = ((service.build or "") .. " " .. (service.start or "")):lower()
  return says(service.name:lower(), FRONTENDS) or says(commands, FRONTEND_COMMANDS)
end

local function role_of(service)
  if service.cron then return "cron" end
  if service.is_database then return "database" end
  if service.has_domain then return is_frontend(service) and "frontend" or "backend" end
  return service.source and "worker" or "other"
end

local SERVES = { SUCCESS = true, SLEEPING = true }

local function serving(instance)
  return tables.find(instance.activeDeployments or {}, function(deployment)
    return SERVES[deployment.status]
  end)
end

---When what serves now began. A deployment begins when its status became SUCCESS; with any other
---status that instant means something else, and its creation has to do.
local function deployed_at(instance)
  local latest = instance.latestDeployment
  if not latest then return nil end
  if latest.status == "SUCCESS" then
    return clock.parse(latest.statusUpdatedAt) or clock.parse(latest.createdAt)
  end
  local active = serving(instance)
  return clock.parse((active or latest).createdAt)
end

local function deployment_of(instance)
  local latest = instance.latestDeployment
  if not latest then return nil end
  local meta = type(latest.meta) == "table" and latest.meta or {}
  return {
    id = latest.id, status = latest.status,
    created_at = clock.parse(latest.createdAt), updated_at = clock.parse(latest.statusUpdatedAt),
    is_serving = serving(instance) ~= nil or SERVES[latest.status] or false,
    commit = meta.commitHash, commit_message = meta.commitMessage,
    repository = meta.repo, branch = meta.branch,
  }
end

local function domains_of(instance)
  local domains = tables.list()
  local all = instance.domains or {}
  for _, kind in ipairs { "customDomains", "serviceDomains" } do
    for _, entry in ipairs(all[kind] or {}) do domains[#domains + 1] = entry.domain end
  end
  return domains
end

local function volumes_of(service_id, volumes)
  local mine = tables.filter(volumes, function(volume) return volume.serviceId == service_id end)
  return tables.map(mine, function(volume)
    return { mount_path = volume.mountPath, size_mb = volume.sizeMB,
      current_mb = volume.currentSizeMB }
  end)
end

local function service_of(instance, volumes, triggers)
  local source, deployment = instance.source or {}, deployment_of(instance)
  local trigger = tables.find(triggers, function(candidate)
    return candidate.serviceId == instance.serviceId
  end) or {}
  local service = {
    id = instance.serviceId, name = instance.serviceName,
    repository = source.repo or trigger.repository, image = source.image,
    branch = trigger.branch or (deployment and deployment.branch),
    root_directory = instance.rootDirectory, build = instance.buildCommand,
    start = instance.startCommand, health_check = instance.healthcheckPath,
    replicas = instance.numReplicas or 1, cron = instance.cronSchedule,
    sleeps = instance.sleepApplication or false, domains = domains_of(instance),
    volumes = volumes_of(instance.serviceId, volumes), deployment = deployment,
    deployed_at = deployed_at(instance),
  }
  service.source = service.repository or service.image
  service.has_domain = #service.domains > 0
  service.is_database = is_database(service)
  service.role = role_of(service)
  return service
end

-- The three lists of an environment are paged side by side; one that has ended is asked for
-- again after its end, which gives nothing.
local LISTS = {
  { field = "serviceInstances", after = "afterService" },
  { field = "volumeInstances", after = "afterVolume" },
  { field = "deploymentTriggers", after = "afterTrigger" },
}

local function page_variables(place, cursors)
  local variables = { projectId = place.project, environmentId = place.environment,
    services = architecture.SERVICES_A_PAGE, volumes = architecture.SERVICES_A_PAGE,
    triggers = architecture.SERVICES_A_PAGE }
  for _, list in ipairs(LISTS) do variables[list.after] = cursors[list.field] end
  return variables
end

local function take_page(environment, all, cursors, ended)
  local goes_on = false
  for _, list in ipairs(LISTS) do
    local connection = environment[list.field]
    if connection and not ended[list.field] then
      for _, edge in ipairs(connection.edges or {}) do
        if edge.node then all[list.field][#all[list.field] + 1] = edge.node end
      end
      local info = connection.pageInfo or {}
      cursors[list.field] = info.endCursor or cursors[list.field]
      ended[list.field] = not info.hasNextPage
      goes_on = goes_on or info.hasNextPage or false
    end
  end
  return goes_on
end

local PAGES = 50

-- A partial error names a service by its place in the page.
local function blame(problem, nodes_before, nodes)
  local index, field
  for at, part in ipairs(problem.path) do
    if part == "volumeInstances" then return nil, "disk" end
    if part == "edges" then index, field = problem.path[at + 1], problem.path[at + 3] end
  end
  local node = math.type(index) == "integer" and nodes[nodes_before + index + 1]
  if not node then return nil end
  return node.serviceName, (field == "latestDeployment" or field == "activeDeployments")
    and "deployment" or nil
end

---@class tend.Architecture
---@field project {id: string, name: string}?
---@field environment {id: string, name: string, is_ephemeral: boolean}?
---@field services table[] empty where Railway did not say
---@field not_judged {service: string?, metric: string?, why: string}[] absent: all of them
---@field requests integer
---@field blind string? why there is nothing

---Services, databases, volumes, sources, deployments and branches of an environment.
---@param place tend.Place
---@return tend.Architecture
function architecture.read(place)
  local all = { serviceInstances = {}, volumeInstances = {}, deploymentTriggers = {} }
  local cursors, ended, found = {}, {}, { not_judged = {}, requests = 0 }
  for _ = 1, PAGES do
    local before = #all.serviceInstances
    local reply = railway.try(place, "Architecture", page_variables(place, cursors))
    found.requests = found.requests + reply.requests
    local data = reply.data or {}
    if not data.environment then
      found.blind = railway.reason(reply)
      break
    end
    found.project = found.project or data.project
    found.environment = { id = data.environment.id, name = data.environment.name,
      is_ephemeral = data.environment.isEphemeral or false }
    local goes_on = take_page(data.environment, all, cursors, ended)
    for _, problem in ipairs(reply.errors) do
      local service, metric = blame(problem, before, all.serviceInstances)
      found.not_judged[#found.not_judged + 1] =
        { service = service, metric = metric, why = problem.message }
    end
    if not goes_on then break end
  end
  found.services = tables.map(all.serviceInstances, function(instance)
    return service_of(instance, all.volumeInstances, all.deploymentTriggers)
  end)
  table.sort(found.services, function(a, b) return a.name < b.name end)
  return found
end

return architecture
