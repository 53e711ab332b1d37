-- <close> variables run at the end, also after an error, and may use primitives.
-- expect: ["first","closing","recorded"]
return {
  run = function()
    local seen = {}
    pcall(function()
      local guard <close> = setmetatable({}, { __close = function()
        seen[#seen + 1] = "closing"
        seen[#seen + 1] = step("clean up", function() return "recorded" end)
      end })
      seen[#seen + 1] = "first"
      error("leave")
    end)
    return seen
  end,
}
