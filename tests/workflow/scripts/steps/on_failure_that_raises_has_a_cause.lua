-- If on_failure raises, that is the error, with the first one as its cause.
-- expect: {"cause":"first","message":"second"}
return {
  run = function()
    local _, err = pcall(step, "fails", {
      retry = false, on_failure = function() error({ message = "second" }) end,
    }, function() error({ message = "first" }) end)
    return { message = err.message, cause = err.cause.message }
  end,
}
