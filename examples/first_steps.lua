-- What a step is: its function runs once, its result is recorded, and whatever comes after sees
-- the recorded value, also when the program is killed and started again in between. Try it:
--
--   tend run examples/first_steps.lua --set name=Ada
--
-- and stop it with kill -9 while it sleeps; `tend resume` goes on where it was.

---@type tend.Workflow
return {
  description = "Draws a number once, sleeps, and still knows it.",
  input = { name = "you", pause = "5s" },
  run = function(input)
    local number = step("draw a number", function(ctx)
      log.info("drawing", { attempt = ctx.attempt })
      return math.random(100) -- inside a step chance is fresh; outside it repeats on replay
    end)

    sleep(input.pause, { name = "a pause that survives a restart" })

    return { greeting = ("Hello %s, your number is still %d."):format(input.name, number) }
  end,
}
