-- With a limit, branches that hadn't begun when one failed never begin.
-- expect: [1,2]
return {
  run = function()
    local begun, functions = {}, {}
    for i = 1, 5 do
      functions[i] = function()
        begun[#begun + 1] = i
        if i == 1 then error("no") end
        sleep(5)
      end
    end
    pcall(parallel, functions, { limit = 2 })
    return begun
  end,
}
