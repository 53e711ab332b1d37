-- Comes by every edge once: steps, effects, a failure, state, children, a signal, a wait out of memory.
return {
  input = { url = "", me = "" },
  run = function(input)
    local function work(name, value)
      return step(name, { retry = { initial = 0.01 } }, function(ctx)
        local file <close> = assert(io.open("calls.txt", "a"))
        file:write(input.me, ":", name, " ", ctx.attempt, "\n")
        return value
      end)
    end
    local sum = work("first", 1)
    exec({ cmd = "true", name = "child process" })
    sum = sum + http({ url = input.url .. "/post", method = "POST", body = "10", name = "post",
      retry = { initial = 0.01 } }).json.n
    local caught = not pcall(step, "fails", { retry = { attempts = 2, initial = 0.01 } }, function() error("always") end)
    state.update("tours", function(n) return (n or 0) + 1 end)
    sum = sum + invoke("small", { me = input.me, value = 100 })
    start("small", { me = input.me, value = 0 }, { id = input.me .. "-started" })
    sum = sum + wait_for("word")
    sleep(1.1) -- leaves memory
    return { sum = sum + work("last", 10000), caught = caught }
  end,
}
