-- A step can't read the program's input; io.input chooses a file, for this attempt only.
-- expect: [true,"line",true]
return {
  run = function()
    local one = step("one", function()
      local first = io.read("a") == "" and io.stdin:read("a") == ""
      io.output("in.txt"):write("line\n")
      io.output():close()
      io.input("in.txt")
      return { first, io.read() }
    end)
    local two = step("two", function() return io.read() == nil end)
    return { one[1], one[2], two }
  end,
}
