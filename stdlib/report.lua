-- Texts for people: the summaries of a look, the body of a pull request, the comment after the
-- merge. Text from outside (logs, names, what a model or an agent wrote) is escaped: it mentions
-- nobody, links nowhere, shows no image, closes no issue and breaks no table.

local clock = require "clock"
local tables = require "tables"

local report = {}

local ZERO_WIDTH = "\u{200B}"

---A number as people read it.
---@param number number?
---@return string
function report.number(number)
  if number == nil then return "–" end
  if math.type(number) == "integer" then return tostring(number) end
  if number == math.floor(number) and math.abs(number) < 1e15 then
    return ("%d"):format(number)
  end
  return (("%.3g"):format(number))
end

-- Escaping -----------------------------------------------------------------------------------

---Text from outside that isn't Markdown (a title, a commit's message), on one line.
---@param text string
---@return string
function report.defuse(text)
  return (redact(text):gsub("%c+", " "):gsub("://", ":" .. ZERO_WIDTH .. "//")
    :gsub("([Ww][Ww][Ww])%.", "%1" .. ZERO_WIDTH .. "."):gsub("@", "@" .. ZERO_WIDTH)
    :gsub("#(%d)", "#" .. ZERO_WIDTH .. "%1")
    :gsub("([Gg][Hh])%-(%d)", "%1" .. ZERO_WIDTH .. "-%2"))
end

---Text from outside, for one line of Markdown or a cell of a table.
---@param text string
---@return string
function report.escape(text)
  local marked = report.defuse(text):gsub("[\\`*_{}%[%]()!|~$]", "\\%0"):gsub("&", "&amp;")
    :gsub("<", "&lt;"):gsub(">", "&gt;")
  return (marked:gsub("^(%s*)([#+-])", "%1\\%2"):gsub("^(%s*%d+)([.)])", "%1\\%2"))
end

---Text from outside that keeps its lines.
---@param text string
---@return string
function report.escape_lines(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do lines[#lines + 1] = report.escape(line) end
  while #lines > 0 and lines[#lines] == "" do lines[#lines] = nil end
  return table.concat(lines, "  \n")
end

-- What nobody outside should learn: addresses and the hosts in URLs and of Railway.
local function hide_hosts(text)
  return (text:gsub("%d+%.%d+%.%d+%.%d+", "[address]"):gsub("(%a[%w+.-]*://)[^/%s\"']+", "%1[host]")
    :gsub("[%w.-]+%.railway%.%a+", "[host]"))
end

-- Issues -------------------------------------------------------------------------------------

local function unit_text(unit)
  return unit and unit ~= "" and " " .. unit or ""
end

---@param issue tend.Issue
---@return string
function report.issue_line(issue)
  local unit = unit_text(issue.unit)
  return ("%s: %s is %s%s (threshold %s%s), %s, since %s"):format(issue.service, issue.metric,
    report.number(issue.value), unit, report.number(issue.threshold), unit, issue.severity,
    issue.since and clock.rfc3339(math.floor(issue.since)) or "unknown")
end

---@param issues tend.Issue[]
---@return string
function report.issue_lines(issues)
  if #issues == 0 then return "- nothing" end
  return "- " .. table.concat(tables.map(issues, report.issue_line), "\n- ")
end

-- Summaries of a look ------------------------------------------------------------------------

local function volume_text(volume)
  local used = volume.current_mb and volume.size_mb and volume.size_mb > 0
    and ("%.0f %% of "):format(100 * volume.current_mb / volume.size_mb) or ""
  return ("%s%s MB at %s"):format(used, report.number(volume.size_mb), volume.mount_path or "?")
end

local function architecture_line(service)
  local parts = {
    "source " .. (service.source or "none"),
    service.branch and "branch " .. service.branch,
    service.root_directory and "folder " .. service.root_directory,
    service.build and ("build `%s`"):format(service.build),
    service.start and ("start `%s`"):format(service.start),
    report.number(service.replicas) .. (service.replicas == 1 and " replica" or " replicas"),
    service.health_check and "health check " .. service.health_check or "no health check",
    service.cron and ("schedule `%s`"):format(service.cron),
    service.deployment and "deployment " .. service.deployment.status or "never deployed",
    #service.volumes > 0 and "volumes: "
      .. table.concat(tables.map(service.volumes, volume_text), ", ") or "no volumes",
    #service.domains > 0 and "domains " .. table.concat(service.domains, ", ")
      or "no public domain",
  }
  local said = {}
  for index = 1, 11 do
    if parts[index] then said[#said + 1] = parts[index] end
  end
  return ("- %s (%s): %s"):format(service.name, service.role, table.concat(said, "; "))
end

---The architecture as text.
---@param seen tend.Seen
---@return string
function report.architecture(seen)
  local head = ("Project %s, environment %s: %d services."):format(
    seen.project_name or seen.project, seen.environment_name or seen.environment, #seen.services)
  local lines = tables.map(seen.services, architecture_line)
  if seen.blind and #lines == 0 then lines[1] = "Nothing could be seen: " .. seen.blind end
  return redact(head .. "\n" .. table.concat(lines, "\n"))
end

local function resource_text(name, resource)
  if not resource then return nil end
  local limit = resource.limit and ("limit %s"):format(report.number(resource.limit)) or "no limit"
  return ("%s average %s, maximum %s, latest %s, %s%s"):format(name,
    report.number(resource.average), report.number(resource.maximum),
    report.number(resource.latest), limit, unit_text(resource.unit))
end

local function http_text(http)
  if not http then return nil end
  local classes = {}
  for class, count in pairs(http.status or {}) do
    classes[#classes + 1] = ("%s %s"):format(class, report.number(count))
  end
  return ("%s requests (%s), %s failures; p50 %s, p95 %s, p99 %s ms"):format(
    report.number(http.requests), #classes > 0 and table.concat(classes, ", ") or "none",
    report.number(http.failures), report.number(http.p50), report.number(http.p95),
    report.number(http.p99))
end

local function metrics_line(service, metrics)
  local said = {}
  for _, text in ipairs { resource_text("CPU", metrics.cpu) or "",
    resource_text("memory", metrics.memory) or "", resource_text("disk", metrics.disk) or "",
    http_text(metrics.http) or "" } do
    if text ~= "" then said[#said + 1] = text end
  end
  return ("- %s: %s"):format(service.name,
    #said > 0 and table.concat(said, "; ") or "no numbers")
end

---The numbers as text.
---@param seen tend.Seen
---@return string
function report.metrics(seen)
  local head = ("From %s to %s, buckets of %s."):format(clock.rfc3339(seen.window.from),
    clock.rfc3339(seen.window.to), clock.spoken(seen.window.step))
  local lines = tables.map(seen.services, function(service)
    return metrics_line(service, seen.metrics[service.name] or {})
  end)
  return redact(head .. "\n" .. table.concat(lines, "\n"))
end

---One paragraph about the whole project, for an incident.
---@param seen tend.Seen
---@return string
function report.project_health(seen)
  local sick = {}
  for _, issue in ipairs(seen.issues) do sick[issue.service] = true end
  local names = {}
  for name in pairs(sick) do names[#names + 1] = name end
  return ("%s has %d services; in trouble: %s; %d things could not be judged."):format(
    seen.project_name or seen.project, #seen.services,
    #names > 0 and table.concat(names, ", ") or "none", #seen.not_judged)
end

-- The pull request ---------------------------------------------------------------------------

---The beginning of the marker by which tend finds its own pull requests of an environment.
---@param incident tend.Incident
---@return string
function report.marker_of_environment(incident)
  return ("<!-- tend %s/%s "):format(incident.project, incident.environment)
end

---@param incident tend.Incident
---@return string
function report.marker(incident)
  return report.marker_of_environment(incident) .. incident.id .. " -->"
end

local function issue_row(issue, window)
  return ("| %s | %s | %s%s | %s%s | %s | %s | %s |"):format(report.escape(issue.service),
    report.escape(issue.metric), report.number(issue.value), unit_text(issue.unit),
    report.number(issue.threshold), unit_text(issue.unit), issue.severity,
    issue.since and clock.rfc3339(math.floor(issue.since)) or "–", window)
end

local function evidence_row(piece, hides)
  local text = hides and piece.is_log and "*(withheld: the repository is public)*"
    or report.escape(tables.cut(hides and hide_hosts(piece.text) or piece.text, 300))
  return ("| %s | %s | %s |"):format(piece.id, report.escape(piece.source), text)
end

local function bullets(items, say)
  if #items == 0 then return "- nothing" end
  return table.concat(tables.map(items, function(item) return "- " .. say(item) end), "\n")
end

local function checks_text(session, say)
  local commands = session.commands or {}
  if #commands == 0 then return "- none were recorded" end
  return bullets(tables.first(commands, 20), function(command)
    return say(tables.cut(tostring(command.command), 200))
  end)
end

---@class tend.Explained
---@field incident tend.Incident
---@field context table
---@field plan table
---@field session table the agent's
---@field change tend.Change
---@field is_public boolean
---@field cost number
---@field hash string of plan and evidence

---The body of a pull request.
---@param it tend.Explained
---@return string
function report.pull_request(it)
  local incident, plan = it.incident, it.plan
  local function say(text)
    return report.escape(it.is_public and hide_hosts(text) or text)
  end
  local function say_lines(text)
    return report.escape_lines(it.is_public and hide_hosts(text) or text)
  end
  local window = clock.spoken(incident.window) .. " until " .. clock.rfc3339(incident.looked_at)
  local parts = {
    report.marker(incident),
    say(plan.summary), "",
    "## What was seen", "",
    "| service | metric | value | threshold | severity | since | window |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    table.concat(tables.map(incident.issues, function(issue)
      return issue_row(issue, window)
    end), "\n"), "",
    "## Evidence", "", "| id | source | what |", "| --- | --- | --- |",
    table.concat(tables.map(it.context.evidence, function(piece)
      return evidence_row(piece, it.is_public)
    end), "\n"), "",
    "## Root causes", "",
    bullets(plan.root_causes, function(cause)
      return ("%s (%s)"):format(say(cause.cause), say(table.concat(cause.evidence_ids, ", ")))
    end), "",
    "## What was changed, and why", "",
    say_lines(tables.cut(it.session.text or "", 4000)), "",
    bullets(it.change.files, function(file)
      return ("%s (+%d −%d)"):format(say(file.path), file.added, file.deleted)
    end), "",
    "## What was not done", "",
    "- Nothing was deployed and nothing on Railway was changed. tend never merges.",
    "- Recommended, and for people to decide where the change above doesn't hold it:",
    "  " .. table.concat(tables.map(plan.recommendations, function(text)
      return "- " .. say(text)
    end), "\n  "), "",
    "## How to verify", "",
    ("- After the merge tend waits for the deployment, then for %s, and asks the same question of "
      .. "the same metrics. It comments here."):format(clock.spoken(incident.window)),
    bullets(plan.debugging_steps, say), "",
    "## Checks that the agent ran", "", checks_text(it.session, say), "",
    "## About this request", "",
    ("- incident `%s`, run `%s`"):format(incident.id, incident.run or incident.id),
    ("- plan and evidence `%s`, confidence %s"):format(it.hash, say(tostring(plan.confidence))),
    ("- cost %s USD"):format(("%.4f"):format(it.cost)),
  }
  return table.concat(parts, "\n")
end

---A pull request's title.
---@param incident tend.Incident
---@return string
function report.pull_request_title(incident)
  local issue = incident.issues[1]
  for _, candidate in ipairs(incident.issues) do
    if candidate.severity == "critical" then
      issue = candidate
      break
    end
  end
  return tables.cut(report.defuse(("tend: %s of %s"):format(issue.metric, issue.service)), 200)
end

-- After the merge ----------------------------------------------------------------------------

local VERDICTS = {
  recovered = "The service has recovered.", unchanged = "The trouble is unchanged.",
  worse = "It has become worse. Consider reverting this change.",
  cannot_tell = "It can't be told whether this helped.",
  not_deployed = "The merged change was not deployed.",
}

local function after_row(entry)
  return ("| %s | %s | %s | %s | %s |"):format(report.escape(entry.service),
    report.escape(entry.metric), report.number(entry.before) .. unit_text(entry.unit),
    entry.after and report.number(entry.after) .. unit_text(entry.after_unit) or "–", entry.says)
end

---What tend says on the pull request when it has looked again.
---@param verdict string
---@param rows table[]
---@param window tend.Window?
---@return string
function report.verdict(verdict, rows, window)
  local parts = { ("**%s** %s"):format(verdict, VERDICTS[verdict] or "") }
  if window then
    parts[#parts + 1] = ("\nMeasured from %s to %s.\n"):format(clock.rfc3339(window.from),
      clock.rfc3339(window.to))
    parts[#parts + 1] = "| service | metric | before | after | now |"
    parts[#parts + 1] = "| --- | --- | --- | --- | --- |"
    parts[#parts + 1] = table.concat(tables.map(rows, after_row), "\n")
  end
  return table.concat(parts, "\n")
end

return report
