-- exec in a step's function is part of the attempt.
-- expect: "inside"
return {
  run = function()
    return step("s", function() return (exec({ cmd = "echo", args = { "inside" } }).stdout:gsub("\n", "")) end)
  end,
}
