-- A branch goes on only by an entry: what one leaves for another is there in the same order on replay.
-- expect: true
return {
  run = function()
    local box, taken = {}, {}
    parallel({
      gives = function()
        for i = 1, 5 do
          sleep(0.01)
          box[#box + 1] = i
        end
      end,
      takes = function()
        for _ = 1, 12 do
          sleep(0.005)
          taken[#taken + 1] = #box
        end
      end,
    })
    local recorded = step("taken", function() return taken end)
    sleep(1.2)
    for i, count in ipairs(recorded) do assert(count == taken[i], i) end
    return #recorded == 12
  end,
}
