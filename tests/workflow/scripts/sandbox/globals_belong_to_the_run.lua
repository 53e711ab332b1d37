-- A script may set globals.
-- expect: 1
counter = (counter or 0) + 1
return { run = function() return counter end }
