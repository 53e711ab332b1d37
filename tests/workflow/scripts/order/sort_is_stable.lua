-- table.sort keeps what compares equal in its old order.
-- expect: true
return {
  run = function()
    local items = {}
    for i = 1, 2000 do items[i] = { key = i % 7, at = i } end
    table.sort(items, function(a, b) return a.key < b.key end)
    for i = 2, #items do
      local a, b = items[i - 1], items[i]
      if a.key > b.key or (a.key == b.key and a.at > b.at) then return false end
    end
    return true
  end,
}
