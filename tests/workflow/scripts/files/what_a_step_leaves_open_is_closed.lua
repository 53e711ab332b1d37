-- A file that a step leaves open is written and closed when its attempt ends.
-- expect: ["text","file (closed)",false]
local kept
return {
  run = function()
    step("write", function()
      kept = assert(io.open("left.txt", "w"))
      kept:write("text")
    end)
    local text = step("read", function()
      local file <close> = assert(io.open("left.txt"))
      return file:read("a")
    end)
    return { text, tostring(kept), (pcall(kept.write, kept, "more")) }
  end,
}
