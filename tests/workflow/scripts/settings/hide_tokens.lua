-- A token in the settings is a handle, never its text.
-- env: GITHUB_TOKEN=ghs_veryverysecretvalue
-- expect: ["userdata","secret(GITHUB_TOKEN)"]
return { run = function() return { type(settings.github.token), tostring(settings.github.token) } end }
