-- A key without an order that is always the same is an error outside steps.
-- expect-error: has no order that is the same
return { run = function() for _ in pairs({ [{}] = 1 }) do end end }
