-- io works inside a step: an attempt's own business.
-- expect: "written\n"
return {
  run = function()
    step("write", function()
      local file <close> = assert(io.open("out.txt", "w"))
      file:write("written\n")
    end)
    return step("read", function()
      local file <close> = assert(io.open("out.txt"))
      return file:read("a")
    end)
  end,
}
