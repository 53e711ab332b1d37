-- json.decode(json.encode(v)) equals v for integers, doubles, empty lists and null.
-- expect: true
return {
  run = function()
    local text = '{"d":1.0,"e":[],"f":0.1,"i":9007199254740993,"m":-9223372036854775808,"n":null,"o":{}}'
    assert(json.encode(json.decode(text)) == text, json.encode(json.decode(text)))
    for _, number in ipairs({ 0.1 + 0.2, 1e21, 5e-324, 123456789012345678, 1 / 3, 2 ^ 53 }) do
      local back = json.decode(json.encode(number))
      assert(back == number and math.type(back) == math.type(number), json.encode(number))
    end
    return true
  end,
}
