-- nil in a table is no key; json.null is a value and stays one.
-- expect: {"keys":1,"null":null,"same":true}
return {
  run = function()
    local back = step("keep", function() return { null = json.null, none = nil } end)
    local keys = 0
    for _ in pairs(back) do keys = keys + 1 end
    return { null = back.null, same = back.null == json.null, keys = keys }
  end,
}
