-- The other branches get `cancelled` where they wait, then parallel raises the failure.
-- expect: {"kind":"cancelled","message":"first","slow":false,"soon":true}
return {
  run = function()
    local kind, slow = nil, false
    local first = now()
    local ok, err = pcall(parallel, {
      fails = function()
        sleep(0.02)
        error({ message = "first" })
      end,
      waits = function()
        local fine, reason = pcall(sleep, 20)
        kind = not fine and reason.kind
        slow = fine
      end,
    })
    assert(not ok)
    return { message = err.message, kind = kind, slow = slow, soon = now() - first < 5 }
  end,
}
