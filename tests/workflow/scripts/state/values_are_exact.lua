-- State keeps integers, doubles and empty lists as they are.
-- expect: {"d":0.1,"e":[],"i":9007199254740993,"one":1.0}
return {
  run = function()
    state.set("v", { i = 9007199254740993, d = 0.1, one = 1.0, e = json.array({}) })
    return state.get("v")
  end,
}
