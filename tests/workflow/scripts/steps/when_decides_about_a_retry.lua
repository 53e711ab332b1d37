-- retry.when is asked with the error; false ends the step with it.
-- expect: {"asked":["first","second"],"calls":2,"message":"second"}
return {
  run = function()
    local calls, asked = 0, {}
    local _, err = pcall(step, "fails", {
      retry = { initial = 0.001, when = function(err)
        asked[#asked + 1] = err.message
        return err.message == "first"
      end },
    }, function()
      calls = calls + 1
      error({ message = calls == 1 and "first" or "second" })
    end)
    return { calls = calls, asked = asked, message = err.message }
  end,
}
