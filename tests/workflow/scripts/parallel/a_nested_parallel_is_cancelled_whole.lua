-- Cancelling a branch cancels the branches below it.
-- expect: {"kinds":["cancelled","cancelled","cancelled"],"soon":true}
return {
  run = function()
    local kinds = {}
    local first = now()
    local function waits()
      local _, err = pcall(sleep, 20)
      kinds[#kinds + 1] = err.kind
      error(err)
    end
    pcall(parallel, {
      fails = function()
        sleep(0.02)
        error("no")
      end,
      nested = function()
        local _, err = pcall(parallel, { waits, waits })
        kinds[#kinds + 1] = err.kind
      end,
    })
    return { kinds = kinds, soon = now() - first < 5 }
  end,
}
