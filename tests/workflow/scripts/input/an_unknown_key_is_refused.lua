-- Where input is declared, another key is an error and no run is made.
-- input: {"windwo": "1h"}
-- expect-error: the workflow takes no input 'windwo'; it takes:
-- expect-exit: 2
return { input = { window = "30m" }, run = function() end }
