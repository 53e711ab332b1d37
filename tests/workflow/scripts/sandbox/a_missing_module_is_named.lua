-- require of what isn't in the bundle names it and says what to do.
-- expect-error: module 'no.such' is not there: it is looked for beside the workflow
return { run = function() return require("no.such") end }
