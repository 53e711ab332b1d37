-- Control characters, quotes and escapes of surrogate pairs are exact.
-- expect: true
return {
  run = function()
    local text = "quote \" slash \\ tab \t zero \0 end"
    assert(json.decode(json.encode(text)) == text)
    assert(json.decode('"\\ud83d\\ude00\\u00e9"') == "😀é")
    return true
  end,
}
