-- What is no duration is named.
-- expect-error: 'soon' is no duration
return { run = function() sleep("soon") end }
