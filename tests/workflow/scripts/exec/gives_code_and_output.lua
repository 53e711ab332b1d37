-- exec runs a program without a shell and gives what it wrote.
-- expect: {"code":0,"stderr":"err\n","stdout":"a b|$HOME|*\n"}
return {
  run = function()
    return exec({ cmd = "sh", args = { "-c", 'echo "$1|$2|$3"; echo err >&2', "sh", "a b", "$HOME", "*" } })
  end,
}
