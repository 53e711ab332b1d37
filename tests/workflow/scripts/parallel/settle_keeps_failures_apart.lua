-- With settle each key holds {ok, value} or {ok, error}, and nothing raises.
-- expect: {"bad":{"message":"no","ok":false},"good":{"ok":true,"value":1}}
return {
  run = function()
    local all = parallel({
      good = function() return 1 end,
      bad = function() error({ message = "no" }) end,
    }, { settle = true })
    return { good = all.good, bad = { ok = all.bad.ok, message = all.bad.error.message } }
  end,
}
