-- 1 and "1" would be one branch path.
-- expect-error: the keys 1 and "1" can't be told apart
return { run = function() parallel({ [1] = function() end, ["1"] = function() end }) end }
