-- The results stand under the keys of the functions, lists and names alike.
-- expect: [[1,4,9],{"a":"A","b":"B"},{}]
return {
  run = function()
    local list = parallel({ function() return 1 end, function() return 4 end, function() return 9 end })
    local map = parallel({ a = function() return "A" end, b = function() return "B" end })
    return { list, map, parallel({}) }
  end,
}
