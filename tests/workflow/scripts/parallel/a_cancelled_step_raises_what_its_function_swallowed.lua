-- A branch that is cancelled inside its step's function can't go on by catching the error there.
-- expect: {"after":false,"inside":"cancelled","outside":"cancelled"}
return {
  run = function()
    local inside, outside, after = nil, nil, false
    pcall(parallel, {
      fails = function()
        sleep(0.1)
        error("no")
      end,
      works = function()
        local ok, err = pcall(step, "s", function()
          local _, reason = pcall(exec, { cmd = "sleep", args = { "20" } })
          inside = reason.kind
          return "went on"
        end)
        after = ok
        outside = not ok and err.kind or nil
      end,
    })
    return { inside = inside, outside = outside, after = after }
  end,
}
