-- Small functions over tables that several modules need.

local tables = {}

---Marks a table as a list, so that it is printed as one also when it is empty.
---@generic T
---@param items T[]?
---@return T[]
function tables.list(items)
  return json.array(items or {})
end

---A copy without the nulls of JSON: a field that was null is absent, a list closes up. What is
---empty stays the kind of table that it was.
---@param value any
---@return any
function tables.plain(value)
  if value == json.null then return nil end
  if type(value) ~= "table" then return value end
  if #value > 0 then
    local list = tables.list()
    for _, item in ipairs(value) do
      if item ~= json.null then list[#list + 1] = tables.plain(item) end
    end
    return list
  end
  local copy = next(value) == nil and value or {}
  for key, item in pairs(value) do
    if item ~= json.null then copy[key] = tables.plain(item) end
  end
  return copy
end

---A deep copy that can be changed: settings are read-only.
---@param value any
---@return any
function tables.copy(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = tables.copy(item) end
  return copy
end

---What `fn` makes of each item; items that become nil are left out.
---@generic T, U
---@param items T[]
---@param fn fun(item: T, index: integer): U?
---@return U[]
function tables.map(items, fn)
  local out = tables.list()
  for index, item in ipairs(items) do
    local made = fn(item, index)
    if made ~= nil then out[#out + 1] = made end
  end
  return out
end

---The items for which `fn` holds.
---@generic T
---@param items T[]
---@param fn fun(item: T): any
---@return T[]
function tables.filter(items, fn)
  return tables.map(items, function(item) return fn(item) and item or nil end)
end

---The first item for which `fn` holds.
---@generic T
---@param items T[]
---@param fn fun(item: T): any
---@return T?
function tables.find(items, fn)
  for _, item in ipairs(items) do
    if fn(item) then return item end
  end
end

---Appends the items of `more` to `items`.
---@generic T
---@param items T[]
---@param more T[]?
---@return T[] items
function tables.append(items, more)
  for _, item in ipairs(more or {}) do items[#items + 1] = item end
  return items
end

---The first `count` items.
---@generic T
---@param items T[]
---@param count integer
---@return T[]
function tables.first(items, count)
  local out = tables.list()
  for index = 1, math.min(count, #items) do out[index] = items[index] end
  return out
end

---The text, at most `bytes` long, cut between characters, with a mark where something is missing.
---@param text string
---@param bytes integer
---@return string
function tables.cut(text, bytes)
  if #text <= bytes then return text end
  local stop = bytes
  while stop > 0 and (text:byte(stop + 1) & 0xC0) == 0x80 do stop = stop - 1 end
  return text:sub(1, stop) .. " […]"
end

return tables
