-- Primitives that are steps of their own raise inside a step's function, and say what to do.
-- expect: ["agent","invoke","parallel","sleep","sleep_until","start","state.get","step"]
return {
  run = function()
    return step("outer", function()
      local all = {
        step = function() step("inner", function() end) end,
        sleep = function() sleep(1) end,
        sleep_until = function() sleep_until(1) end,
        invoke = function() invoke("x", {}) end,
        start = function() start("x", {}) end,
        parallel = function() parallel({}) end,
        agent = function() agent({ prompt = "x" }) end,
        ["state.get"] = function() state.get("x") end,
      }
      local refused = {}
      for name, call in pairs(all) do
        local ok, err = pcall(call)
        if not ok and tostring(err):find(name .. " can't be used inside step()", 1, true) then
          refused[#refused + 1] = name
        end
      end
      return refused
    end)
  end,
}
