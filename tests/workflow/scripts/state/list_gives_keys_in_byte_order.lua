-- Keys with a prefix, sorted by bytes, from `after` on, at most `limit`.
-- expect: {"after":["p/b","p/c"],"all":["p/A","p/a","p/b","p/c"],"limit":["p/A","p/a"],"none":[]}
return {
  run = function()
    for _, key in ipairs({ "p/c", "p/a", "q/x", "p/b", "p/A", "o" }) do state.set(key, 1) end
    return {
      all = state.list("p/"), after = state.list("p/", { after = "p/a" }),
      limit = state.list("p/", { limit = 2 }), none = state.list("zzz"),
    }
  end,
}
