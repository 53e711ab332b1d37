-- require of what isn't in the bundle names it and says what to do.
-- expect-error: module 'no.such' is not in this run's bundle
return { run = function() return require("no.such") end }
