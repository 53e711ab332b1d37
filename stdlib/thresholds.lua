--- What counts as sick: the numbers of the manual's chapter on judgement, and nothing else.
--- A project changes them here for all of its services, or for some in `tend.lua`:
---   services = { ["api"] = { thresholds = { latency_p95 = { warning = 2000 } } } }
--- A number that is marked "or false" can be switched off. The arithmetic is C
--- (runtime/analysis/); it has no number of its own and says which one it misses.

---@alias tend.Threshold number|false

---@class tend.Level
---@field warning tend.Threshold
---@field critical? tend.Threshold

---@class tend.Thresholds
local thresholds = {
  -- A bucket is one `step` of the window. Fewer with a sample than `at_least`: not judged. Those
  -- that begin within `grace_steps` steps after a deployment, at most `grace_max_seconds`, don't
  -- count: a process that starts is slow, hungry and sometimes failing.
  buckets = { at_least = 10, grace_steps = 3, grace_max_seconds = 180 },

  -- Persistent: over the threshold in at least `percent` of the judged buckets, and in `newest`
  -- of the newest `newest_of`. So neither a spike nor what is over already is a finding.
  persistent = { percent = 60, newest = 3, newest_of = 5 },

  -- % of the limit, persistent; or false.
  cpu = { warning = 70, critical = 90 },
  -- % of the limit, persistent; or false. A database is at most a warning: page cache is meant
  -- to be full.
  memory = { warning = 90, critical = 97 },

  -- One core saturated (a warning): a limit of more than `limit_over` vCPU, every bucket within
  -- `within_percent` of a whole number of cores, and p95 in the last third of the window over
  -- `slower` times (or false) that of the first third.
  saturated = { limit_over = 1, within_percent = 5, slower = 1.3 },

  -- Rising memory: hours until the limit is reached, or false. Only if `gained_percent` of the
  -- limit was gained within the window. A drop of more than `drop_percent` begins a new slope;
  -- `peaks` such drops from over `peak_percent` (or false) of the limit are a leak as well.
  -- Without a limit: a warning once memory is `grown` times (or false) the first bucket's.
  slope = {
    warning = 6,
    critical = 1,
    gained_percent = 10,
    drop_percent = 40,
    peak_percent = 90,
    peaks = 2,
    grown = 2,
  },

  -- % of the volume, newest sample; or full within so many hours; or false. Full soon is a
  -- warning while there is room, and critical once the volume is over its warning already.
  disk = { warning = 80, critical = 90, full_within_hours = 24 },

  -- % of requests, or false: the lower 95 % bound has to be over it, still so in the newest
  -- buckets with traffic.
  error_rate_5xx = { warning = 1, critical = 5 },
  -- The same without the codes in `not_counted`, which clients cause and services can't help.
  -- Never critical.
  error_rate_4xx = { warning = 10, not_counted = { 401, 404, 429, 499 } },

  -- What a rate needs to be judged: so many requests in the window, failures, and buckets with a
  -- failure. The fast path (5xx only, critical at once, also right after a deployment): the
  -- newest `fast_buckets` hold `fast_requests` together, and `fast_percent` of them (or false)
  -- or more failed.
  errors = {
    requests = 20,
    failures = 5,
    buckets = 3,
    fast_buckets = 3,
    fast_requests = 50,
    fast_percent = 50,
  },

  -- Milliseconds, persistent, over buckets of at least `requests` requests; or false.
  latency_p95 = { warning = 1000, critical = 3000, requests = 20 },

  -- Minutes that a failed build waits for its author while the old deployment serves.
  deployment = { author_minutes = 30 },
}

return thresholds
