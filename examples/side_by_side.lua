-- How to ask several services at once and live with those that don't answer: `parallel` runs its
-- functions side by side, and with `settle` each key says how it went.
--
--   tend run examples/side_by_side.lua --input '{"urls": ["http://127.0.0.1:8080/health"]}'

---@type tend.Workflow
return {
  description = "Asks a list of addresses whether they are well.",
  input = { urls = json.array {} },
  run = function(input)
    local asked = {}
    for index, url in ipairs(input.urls) do
      asked[index] = function()
        return http { url = url, timeout = "5s", retry = { attempts = 2, initial = "1s" } }.status
      end
    end

    local report = json.array {}
    for index, answer in ipairs(parallel(asked, { limit = 10, settle = true })) do
      report[index] = {
        url = input.urls[index], is_well = answer.ok, status = answer.value,
        why_not = answer.error and answer.error.message,
      }
    end
    return { report = report }
  end,
}
