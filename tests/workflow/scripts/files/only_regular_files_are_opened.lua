-- A device, a folder or a pipe isn't opened; /dev/null is, and a new file.
-- expect: [true,true,true,true,true,true]
return {
  run = function()
    return step("look", function()
      local refused, why = io.open("/dev/zero")
      local folder = io.open(".")
      local ok, err = pcall(io.lines, "/dev/zero")
      return {
        refused == nil and why:find("/dev/zero: io opens regular files", 1, true) == 1,
        folder == nil,
        not ok and err.message:find("regular files", 1, true) ~= nil,
        not pcall(io.input, "/dev/zero"),
        io.open("/dev/null"):read("a") == "",
        io.type(io.open("new.txt", "w")) == "file",
      }
    end)
  end,
}
