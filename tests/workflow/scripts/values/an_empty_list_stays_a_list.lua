-- [] from JSON and {} made in Lua are told apart, through the journal too.
-- input: {"given": []}
-- expect: {"array":[],"decoded":[],"given":[],"made":{}}
return {
  input = { given = json.null },
  run = function(input)
    return step("keep", function()
      return { made = {}, decoded = json.decode("[]"), array = json.array({}), given = input.given }
    end)
  end,
}
