-- Wrong arguments and options raise and name what is taken.
-- expect-error: step has no option 'retries'; it takes name retry timeout deadline on_failure
return { run = function() step("s", { retries = 3 }, function() end) end }
