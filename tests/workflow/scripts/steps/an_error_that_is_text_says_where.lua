-- error("text") in a step keeps file and line.
-- expect-error: an_error_that_is_text_says_where.lua:5: broke
return {
  run = function()
    step("fails", { retry = false }, function() error("broke") end)
  end,
}
