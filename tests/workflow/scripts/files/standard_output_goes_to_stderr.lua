-- What a step writes to standard output appears on stderr: stdout holds the result alone.
-- expect: ["written"]
-- expect-error: from io.write
-- expect-error: from io.stdout
-- expect-exit: 0
return {
  run = function()
    return step("write", function()
      io.write("from io.write\n")
      io.stdout:write("from io.stdout\n")
      io.output("out.txt"):write("written")
      io.output():close()
      return { (io.lines("out.txt")()) }
    end)
  end,
}
