-- How many pull requests tend may open, across all of its runs: a right is reserved before the step
-- that writes, and given back when the incident ends. Kept in `state` under `pull_requests`.

local tables = require "tables"

local limits = {}

limits.AN_HOUR = 2
limits.OPEN = 10

local function count(of)
  local number = 0
  for _ in pairs(of) do number = number + 1 end
  return number
end

---Reserves the right to open a pull request; false where a limit is reached. Asking again for the
---same incident is the same right.
---@param incident_id string
---@return boolean
function limits.reserve(incident_id)
  local at = now()
  local counted = state.update("pull_requests", function(current)
    current = current or { recent = tables.list(), open = {} }
    current.recent = tables.filter(current.recent, function(opened) return opened > at - 3600 end)
    if not current.open[incident_id] and #current.recent < limits.AN_HOUR
      and count(current.open) < limits.OPEN then
      current.open[incident_id] = at
      table.insert(current.recent, at)
    end
    return current
  end)
  return counted.open[incident_id] ~= nil
end

---@param incident_id string
function limits.release(incident_id)
  state.update("pull_requests", function(current)
    if current then current.open[incident_id] = nil end
    return current
  end)
end

return limits
