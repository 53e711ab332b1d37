-- Instants and lengths of time, as pure arithmetic: seconds since 1970 to RFC 3339 and back, and
-- lengths such as "30m". Nothing here reads a clock, so it gives the same on every replay.

local clock = {}

local UNITS = { d = 86400, h = 3600, m = 60, s = 1, ms = 0.001 }

---A length of time in seconds, from a number of seconds or text such as "1d2h3m4s5ms".
---@param length number|string
---@return number seconds
function clock.seconds(length)
  if type(length) == "number" then return length end
  local total, read_to = 0, 1
  for at, amount, unit, next_at in tostring(length):gmatch("()(%d+%.?%d*)(%a+)()") do
    if at ~= read_to or not UNITS[unit] then break end
    total, read_to = total + tonumber(amount) * UNITS[unit], next_at
  end
  if read_to == 1 or read_to ~= #tostring(length) + 1 then
    error(("%q is no length of time; write a number of seconds or text such as \"30m\"")
      :format(tostring(length)), 2)
  end
  return total
end

---A length of time as a person says it: "45 s", "30 min", "2.5 h", "3 days".
---@param seconds number
---@return string
function clock.spoken(seconds)
  if seconds < 120 then return ("%.4g s"):format(seconds) end
  if seconds < 7200 then return ("%.3g min"):format(seconds / 60) end
  if seconds < 172800 then return ("%.3g h"):format(seconds / 3600) end
  return ("%.3g days"):format(seconds / 86400)
end

-- Days since 1970 of a date in the Gregorian calendar, and back; years begin in March, so that
-- the leap day is the last day of a year.
local function days_of(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100
    + day_of_year - 719468
end

local function date_of(days)
  days = days + 719468
  local era = days // 146097
  local day_of_era = days - era * 146097
  local year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524
    - day_of_era // 146096) // 365
  local day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
  local shifted = (5 * day_of_year + 2) // 153
  local month = shifted < 10 and shifted + 3 or shifted - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return year, month, day_of_year - (153 * shifted + 2) // 5 + 1
end

---An instant as RFC 3339 text in UTC; milliseconds are written only where there are some.
---@param at number seconds since 1970
---@return string
function clock.rfc3339(at)
  local milliseconds = math.floor(at * 1000 + 0.5)
  local whole, rest = milliseconds // 1000, milliseconds % 1000
  local year, month, day = date_of(whole // 86400)
  local second = whole % 86400
  local text = ("%04d-%02d-%02dT%02d:%02d:%02d"):format(
    year, month, day, second // 3600, second // 60 % 60, second % 60)
  return text .. (rest > 0 and (".%03dZ"):format(rest) or "Z")
end

---Seconds since 1970 of RFC 3339 text; nil where it is none.
---@param text string?
---@return number?
function clock.parse(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, rest =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(.*)$")
  if not year then return nil end
  local at = days_of(math.tointeger(year), math.tointeger(month), math.tointeger(day)) * 86400
    + hour * 3600 + minute * 60 + second
  local fraction, zone = rest:match("^(%.?%d*)(.*)$")
  if #fraction > 1 then at = at + tonumber("0" .. fraction) end
  local sign, zone_hour, zone_minute = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return at end
  local offset = zone_hour * 3600 + zone_minute * 60
  return sign == "+" and at - offset or at + offset
end

---@class tend.Window
---@field from number seconds since 1970
---@field to number
---@field step number seconds a bucket

---The newest slice of time that consists of whole buckets and has ended by `at`.
---@param at number
---@param length number|string
---@param step number|string
---@return tend.Window
function clock.window(at, length, step)
  local seconds_a_bucket = math.max(1, math.floor(clock.seconds(step)))
  local to = math.floor(at) // seconds_a_bucket * seconds_a_bucket
  local from = to - math.floor(clock.seconds(length)) // seconds_a_bucket * seconds_a_bucket
  return { from = from, to = to, step = seconds_a_bucket }
end

return clock
