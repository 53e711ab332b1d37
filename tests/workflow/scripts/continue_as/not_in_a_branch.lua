-- continue_as belongs to the main branch.
-- expect-error: continue_as can't be used in a branch of parallel
return { run = function() parallel { function() continue_as {} end } end }
