-- The run has a seed of its own.
-- expect-error: math.randomseed: the run has a seed of its own
return { run = function() math.randomseed(1) end }
