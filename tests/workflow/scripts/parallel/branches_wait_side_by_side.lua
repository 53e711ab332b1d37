-- Three waits of 0.3 s take about 0.3 s.
-- expect: true
return {
  run = function()
    local first = now()
    parallel({ function() sleep(0.3) end, function() sleep(0.3) end, function() sleep(0.3) end })
    return now() - first < 0.7
  end,
}
