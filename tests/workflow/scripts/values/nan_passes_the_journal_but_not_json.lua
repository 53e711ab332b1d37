-- NaN and infinities cross the journal; as a printed result they are an error.
-- expect-error: can't be printed as JSON
return {
  run = function()
    local back = step("odd", function() return { nan = 0 / 0, inf = math.huge } end)
    assert(back.nan ~= back.nan and back.inf == math.huge)
    return back
  end,
}
