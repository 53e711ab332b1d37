-- Inside table.sort and gsub's callback a primitive raises before anything is recorded.
-- expect: [false,false]
return {
  run = function()
    local function use() step("s", function() end) end
    return {
      (pcall(table.sort, { 2, 1 }, function() use() end)), (pcall(string.gsub, "a", "a", function() use() end)),
    }
  end,
}
