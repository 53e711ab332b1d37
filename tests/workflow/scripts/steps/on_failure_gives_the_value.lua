-- What on_failure returns is the step's value; it gets the last error.
-- expect: {"fallback":"broken"}
return {
  run = function()
    return step("fails", {
      retry = { attempts = 2, initial = 0.001 },
      on_failure = function(err) return { fallback = err.message } end,
    }, function() error({ message = "broken" }) end)
  end,
}
