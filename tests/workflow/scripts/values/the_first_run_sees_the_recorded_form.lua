-- A step's value is built from what was recorded the first time too: a copy, without identity.
-- expect: true
return {
  run = function()
    local original = { 1, 2, 3 }
    local back = step("copy", function() return original end)
    return back ~= original and #back == 3
  end,
}
