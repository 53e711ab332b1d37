-- Which branch failed first, who was cancelled and what they did is the same after the run left memory.
-- expect: true
return {
  run = function()
    local seen, functions = {}, {}
    for i = 1, 5 do
      functions[i] = function()
        local ok, err = pcall(function()
          for n = 1, 3 do
            sleep(random() * 0.02)
            step("s", { retry = false }, function() if n == 3 then error({ message = "branch " .. i }) end end)
            seen[#seen + 1] = i .. ":" .. n
          end
        end)
        seen[#seen + 1] = i .. ":" .. tostring(ok or err.kind)
        error(err)
      end
    end
    local ok, err = pcall(parallel, functions)
    local settled = parallel(functions, { settle = true })
    for i = 1, 5 do seen[#seen + 1] = settled[i].error.message end
    seen[#seen + 1] = tostring(ok) .. err.message
    local recorded = step("what was seen", function() return seen end)
    sleep(1.2)
    assert(#recorded == #seen)
    for i, text in ipairs(recorded) do assert(text == seen[i], i .. ": " .. text .. " " .. seen[i]) end
    return true
  end,
}
