-- A workflow that does a bit of everything, for the crash test. Each step's function appends a line
-- `key attempt` to calls.txt, so that the test can tell which ones really ran. The result is the
-- same whatever happens in between.
local function called(key, ctx)
  local file <close> = assert(io.open("calls.txt", "a"))
  file:write(key, " ", ctx.attempt, "\n")
end

local function count(key)
  return state.update(key, function(n) return (n or 0) + 1 end)
end

return {
  input = { url = "", me = "", nap = 0.02 },
  run = function(input)
    local seen = {}
    local same = true

    -- A step that touches a file, called `name` in the main branch and PATH/name in others.
    local function work(path, name, value)
      local key = input.me .. ":" .. path .. name
      return step(name, { retry = { initial = 0.01 } }, function(ctx)
        called(key, ctx)
        return { value = value, key = ctx.idempotency_key }
      end).value
    end

    local function pure(name, value)
      return step(name, function() return value end)
    end

    local function branch(path, n)
      return function()
        local sum = 0
        for i = 1, n do
          sleep(random() * 0.05)
          sum = sum + work(path .. "/", "w" .. i, i) + pure("p" .. i, i)
          -- What the other branches had done by now: every replay must come by it again.
          same = same and pure("others" .. i, #seen) == #seen
          seen[#seen + 1] = path .. i
          count("branches")
        end
        return sum
      end
    end

    local first = work("", "first", 1)
    local chain = 0
    for i = 1, 20 do chain = chain + pure("chain", i) end
    exec({ cmd = "sh", args = { "-c", "sleep 0.02; echo done" }, name = "child process" })
    count("before")

    local sums = parallel({
      left = branch("parallel/left", 8),
      right = branch("parallel/right", 6),
      http = function()
        local all = 0
        for i = 1, 4 do
          local answer = http({ url = input.url .. "/post", method = "POST", body = tostring(i), name = "post" .. i,
            retry = { initial = 0.01 } })
          seen[#seen + 1] = "http" .. i
          all = all + answer.json.n
        end
        return all
      end,
      nested = function()
        return parallel({ branch("parallel/nested/parallel/1", 3), branch("parallel/nested/parallel/2", 3) })
      end,
    })

    local recorded = pure("what was seen", seen)
    same = same and #recorded == #seen
    for i, word in ipairs(recorded) do same = same and word == seen[i] end
    local child = invoke("counts", { me = input.me, n = 3 })

    local inside = step("inside", { retry = { initial = 0.01 } }, function(ctx)
      called(input.me .. ":inside", ctx)
      local answer = http({ url = input.url .. "/inside", method = "POST", body = "x" })
      exec({ cmd = "true" })
      if ctx.attempt == 1 then error("the first attempt fails") end
      return answer.json.n
    end)
    local caught = pcall(step, "fails", { retry = { attempts = 2, initial = 0.01 } }, function(ctx)
      called(input.me .. ":fails", ctx)
      error("always")
    end)
    sleep(input.nap) -- more than a second: it leaves memory
    table.sort(seen)
    return {
      first = first, chain = chain, sums = sums, child = child, same = same, inside = inside, caught = caught,
      seen = seen, last = work("", "last", 9),
    }
  end,
}
