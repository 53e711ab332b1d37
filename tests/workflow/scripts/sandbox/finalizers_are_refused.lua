-- __gc and __mode would differ on replay.
-- expect: [false,false,true]
return {
  run = function()
    return {
      (pcall(setmetatable, {}, { __gc = function() end })), (pcall(setmetatable, {}, { __mode = "k" })),
      (pcall(setmetatable, {}, { __index = {} })),
    }
  end,
}
