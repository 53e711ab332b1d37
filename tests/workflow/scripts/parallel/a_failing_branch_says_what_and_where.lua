-- The raised error is the branch's own.
-- expect-error: a_failing_branch_says_what_and_where.lua:3: in the branch
return { run = function() parallel({ x = function() error("in the branch") end }) end }
