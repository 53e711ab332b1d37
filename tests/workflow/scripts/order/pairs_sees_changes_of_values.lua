-- Values are read live, keys that were removed meanwhile are skipped, new ones aren't met.
-- expect: [["a",1],["c",30],["d",4]]
return {
  run = function()
    local seen = json.array({})
    local all = { a = 1, b = 2, c = 3, d = 4 }
    for key, value in pairs(all) do
      if key == "a" then
        all.b = nil
        all.c = 30
        all.z = 26
      end
      seen[#seen + 1] = { key, value }
    end
    return seen
  end,
}
