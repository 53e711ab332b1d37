-- nil, a number, a function as an error become text.
-- expect: ["a nil was raised","42","a function was raised"]
return {
  run = function()
    local texts = {}
    for i, value in ipairs({ function() error(nil) end, function() error(42) end, function() error(print) end }) do
      local _, err = pcall(step, "s" .. i, { retry = false }, value)
      texts[i] = err.message
    end
    return texts
  end,
}
