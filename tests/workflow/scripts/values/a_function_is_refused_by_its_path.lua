-- What can't cross the journal is named with its path.
-- expect-error: result.items[3].done is a function
return {
  run = function()
    return step("bad", function()
      return { items = { {}, {}, { done = function() end } } }
    end)
  end,
}
