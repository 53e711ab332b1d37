-- A failed step raises {message, kind, step, attempt, retryable, traceback} with a readable tostring.
-- expect: {"attempt":1,"extra":7,"kind":"error","message":"went wrong","retryable":true,"step":"fails","text":true,"traceback":true}
return {
  run = function()
    local ok, err = pcall(step, "fails", { retry = false }, function()
      error({ message = "went wrong", extra = 7 })
    end)
    assert(not ok)
    return {
      message = err.message, kind = err.kind, step = err.step, attempt = err.attempt, extra = err.extra,
      retryable = err.retryable, text = tostring(err):find("went wrong", 1, true) ~= nil,
      traceback = type(err.traceback) == "string",
    }
  end,
}
