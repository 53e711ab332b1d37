-- A caught failure doesn't end the run; the next step works.
-- expect: "after"
return {
  run = function()
    pcall(step, "fails", { retry = false }, function() error("no") end)
    return step("works", function() return "after" end)
  end,
}
