-- Logs of a Railway environment. Raw lines don't belong into the journal: each function takes a
-- `digest` that makes of them, inside the step that reads them, what is to be recorded.

local clock = require "clock"
local railway = require "railway"
local tables = require "tables"

local railway_logs = {}

railway_logs.LINES = 500

local function log_variables(place, window, filter)
  return { environmentId = place.environment, filter = filter,
    beforeLimit = railway_logs.LINES, beforeDate = clock.rfc3339(window.from),
    anchorDate = clock.rfc3339(window.to) }
end

---@class tend.Line
---@field at number seconds since 1970
---@field text string

local function line_of(log)
  local text = log.message or ""
  for _, attribute in ipairs(log.attributes or {}) do
    if attribute.key == "stack" or attribute.key == "error" then
      text = text .. " " .. attribute.value
    end
  end
  return { at = clock.parse(log.timestamp) or 0, text = redact(tables.cut(text, 4000)) }
end

---The lines of a list of log rows, oldest first, at most `limit` of the newest: Railway may send
---a row too many.
---@param logs table[]?
---@param limit integer
---@return tend.Line[]
function railway_logs.lines(logs, limit)
  local lines = tables.map(logs or {}, line_of)
  table.sort(lines, function(a, b) return a.at < b.at end)
  local newest = tables.list()
  for index = math.max(1, #lines - limit + 1), #lines do newest[#newest + 1] = lines[index] end
  return newest
end

---The error-level lines of all services in one request; `digest` makes of the lines of each
---service (by id) what is to be recorded, because raw lines don't belong into the journal.
---@param place tend.Place
---@param window tend.Window
---@param digest fun(lines: tend.Line[]): table
---@return {services: table<string, table>, is_full: boolean, requests: integer, why: string?}
function railway_logs.error_logs(place, window, digest)
  local reply = railway.try(place, "EnvironmentLogs",
    log_variables(place, window, "@level:error"), { keep = function(data)
      local by_service, rows = {}, data.environmentLogs or {}
      for _, row in ipairs(rows) do
        local id = row.tags and row.tags.serviceId
        if id then
          by_service[id] = by_service[id] or {}
          table.insert(by_service[id], row)
        end
      end
      local services = {}
      for id, of_service in pairs(by_service) do
        services[id] = digest(railway_logs.lines(of_service, railway_logs.LINES))
      end
      return { services = services, is_full = #rows >= railway_logs.LINES }
    end })
  local data = reply.data
  if not data then
    return { services = {}, is_full = false, requests = reply.requests,
      why = railway.reason(reply) }
  end
  return { services = data.services, is_full = data.is_full, requests = reply.requests }
end

---Log lines of one deployment, digested in the step that reads them.
---@param place tend.Place
---@param deployment_id string
---@param window tend.Window
---@param filter string
---@param digest fun(lines: tend.Line[]): table
---@return tend.Reply
function railway_logs.deployment_logs(place, deployment_id, window, filter, digest)
  return railway.try(place, "DeploymentLogs", {
    deploymentId = deployment_id, filter = filter, limit = railway_logs.LINES,
    startDate = clock.rfc3339(window.from), endDate = clock.rfc3339(window.to),
  }, { keep = function(data)
    return digest(railway_logs.lines(data.deploymentLogs, railway_logs.LINES))
  end })
end

---Build logs of one deployment, digested in the step that reads them.
---@param place tend.Place
---@param deployment_id string
---@param digest fun(lines: tend.Line[]): table
---@return tend.Reply
function railway_logs.build_logs(place, deployment_id, digest)
  return railway.try(place, "BuildLogs",
    { deploymentId = deployment_id, limit = railway_logs.LINES },
    { keep = function(data)
      return digest(railway_logs.lines(data.buildLogs, railway_logs.LINES))
    end })
end

---Single requests of one deployment, digested in the step that reads them.
---@param place tend.Place
---@param deployment_id string
---@param window tend.Window
---@param filter string
---@param digest fun(rows: table[]): table
---@return tend.Reply
function railway_logs.http_logs(place, deployment_id, window, filter, digest)
  return railway.try(place, "HttpLogs", {
    deploymentId = deployment_id, filter = filter, beforeLimit = railway_logs.LINES,
    beforeDate = clock.rfc3339(window.from), anchorDate = clock.rfc3339(window.to),
  }, { keep = function(data) return digest(data.httpLogs or {}) end })
end

return railway_logs
