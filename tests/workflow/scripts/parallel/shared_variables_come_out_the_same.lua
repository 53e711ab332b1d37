-- After the run left memory, what the branches did to shared variables comes out as it did.
-- expect: true
return {
  run = function()
    local seen, functions = {}, {}
    for i = 1, 8 do
      functions[i] = function()
        for n = 1, 4 do
          sleep(random() * 0.01)
          seen[#seen + 1] = i .. step("s", function() return ":" .. n end)
        end
      end
    end
    parallel(functions)
    local recorded = step("what was seen", function() return seen end)
    sleep(1.2)
    for i, text in ipairs(recorded) do assert(text == seen[i], i) end
    return #recorded == #seen and #seen == 32
  end,
}
