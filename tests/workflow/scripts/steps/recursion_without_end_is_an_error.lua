-- Endless recursion fails the run, not the program.
-- expect-error: stack overflow
return {
  run = function()
    local function again() return 1 + again() end
    return again()
  end,
}
