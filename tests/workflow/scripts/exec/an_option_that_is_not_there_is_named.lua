-- A mistyped option is an error that lists what there is.
-- expect-error: exec has no option 'command'; it takes cmd args cwd env stdin max_bytes ok
return { run = function() exec({ cmd = "true", command = "x" }) end }
