-- A script can't change the settings.
-- expect-error: settings are read-only
return { run = function() settings.model = "x" end }
