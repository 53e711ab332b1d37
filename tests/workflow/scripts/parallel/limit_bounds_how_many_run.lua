-- limit = 2: never more than two at a time, slots filled in key order.
-- expect: {"most":2,"order":[1,2,3,4,5]}
return {
  run = function()
    local running, most, order, functions = 0, 0, {}, {}
    for i = 1, 5 do
      functions[i] = function()
        order[#order + 1] = i
        running = running + 1
        most = math.max(most, running)
        sleep(0.03)
        running = running - 1
      end
    end
    parallel(functions, { limit = 2 })
    return { most = most, order = order }
  end,
}
