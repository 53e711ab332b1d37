-- Zeros, bytes that are no UTF-8 and 100,000 bytes cross the journal unchanged.
-- expect: true
return {
  run = function()
    local all = {}
    for byte = 0, 255 do all[#all + 1] = string.char(byte) end
    local text = table.concat(all)
    local long = text:rep(400)
    local back = step("bytes", function() return { text = text, long = long, [text] = 1 } end)
    return back.text == text and back.long == long and back[text] == 1
  end,
}
