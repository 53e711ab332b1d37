-- The methods of texts are the allowed ones too.
-- expect: [true,"ABC"]
return { run = function() return { ("").dump == nil, ("abc"):upper() } end }
