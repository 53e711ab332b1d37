-- tostring of a table or function is the same in every process.
-- expect: ["table","function","function","thread","null"]
return {
  run = function()
    local function f() end
    return { tostring({}), tostring(f), tostring(print), "thread", tostring(json.null) }
  end,
}
