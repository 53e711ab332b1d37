-- --set: JSON where it parses, otherwise text; it replaces what --input says.
-- input: {"a": 0, "kept": 1}
-- args: --set a=[1,2] --set b=plain --set c=true --set d="quoted"
-- expect: {"a":[1,2],"b":"plain","c":true,"d":"quoted","kept":1}
return { run = function(input) return input end }
