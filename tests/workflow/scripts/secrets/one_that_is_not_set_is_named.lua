-- A secret that isn't there is named, with what to do.
-- expect-error: NOT_SET_ANYWHERE
return {
  run = function() exec({ cmd = "true", env = { T = secret("NOT_SET_ANYWHERE") }, retry = false }) end,
}
