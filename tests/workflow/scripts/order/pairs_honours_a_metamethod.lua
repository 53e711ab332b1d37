-- __pairs decides where a table has one.
-- expect: ["x","y"]
return {
  run = function()
    local keys = {}
    local odd = setmetatable({}, { __pairs = function()
      return function(_, last) return not last and "x" or last == "x" and "y" or nil end, nil, nil
    end })
    for key in pairs(odd) do keys[#keys + 1] = key end
    return keys
  end,
}
