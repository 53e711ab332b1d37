-- Without a declaration every key is taken.
-- input: {"free": [1, {"deep": null}]}
-- expect: {"free":[1,{"deep":null}]}
return { run = function(input) return input end }
