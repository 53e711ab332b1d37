-- The child that everything.lua invokes.
return {
  input = { me = "", n = 1 },
  run = function(input)
    local sum = 0
    for i = 1, input.n do
      sum = sum + step("s", { retry = { initial = 0.01 } }, function(ctx)
        local file <close> = assert(io.open("calls.txt", "a"))
        file:write(input.me, ":child/s", i == 1 and "" or "#" .. i, " ", ctx.attempt, "\n")
        return i
      end)
      state.update("children", function(n) return (n or 0) + 1 end)
      sleep(0.01)
    end
    return { sum = sum }
  end,
}
