-- A table that holds itself is named with the path to it.
-- expect-error: result.child.parent is a cycle
return {
  run = function()
    return step("bad", function()
      local value = { child = {} }
      value.child.parent = value
      return value
    end)
  end,
}
