-- A child that ends at once.
return {
  input = { me = "", value = 0 },
  run = function(input)
    return step("small", function() return input.value end)
  end,
}
