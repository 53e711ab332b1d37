-- Where nothing can wait, the error names the function that is in the way.
-- expect-error: step can't be used inside table.sort
return {
  run = function()
    table.sort({ 2, 1 }, function() return step("less", function() return true end) end)
  end,
}
