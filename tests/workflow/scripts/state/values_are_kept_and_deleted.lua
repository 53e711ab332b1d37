-- set, get, update and delete by nil; what isn't there is nil.
-- expect: {"deleted":true,"get":{"a":[1,2]},"none":true,"updated":3}
return {
  run = function()
    local none = state.get("k") == nil
    state.set("k", { a = { 1, 2 } })
    local got = state.get("k")
    state.set("n", 1)
    state.update("n", function(n) return n + 1 end)
    local updated = state.update("n", function(n) return n + 1 end)
    state.set("k", nil)
    return { none = none, get = got, updated = updated, deleted = state.get("k") == nil }
  end,
}
