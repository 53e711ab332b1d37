'use strict';
// Limits: each one's error names it and its setting; tend.lua's, and --limit over them.

const assert = require('node:assert');

const BIG = `return { input = { what = "", n = 0 }, run = function(input)
  local big = string.rep("x", 200000)
  if input.what == "value" then return #step("big", function() return big end) end
  if input.what == "error" then step("big", function() error(big) end) end
  if input.what == "set" then state.set("key", big) end
  if input.what == "update" then state.update("key", function() return big end) end
  if input.what == "caught" then
    local ok, err = pcall(step, "big", function() return big end)
    return { ok = ok, kind = err.kind, state = state.get("key") == nil }
  end
  if input.what == "input" then return invoke("big", { what = big }) end
  if input.what == "exec" then return #exec { cmd = "printf", args = { "%0200000d", "1" } }.stdout end
  if input.what == "own" then return #exec { cmd = "printf", args = { "%0200000d", "1" }, max_bytes = 300000 }.stdout end
  if input.what == "steps" then for i = 1, input.n do step("s", function() return i end) end return input.n end
  return big
end }`;

module.exports = (test) => {
  test('a value over the limit is an error that names the limit and its setting', async (t) => {
    const project = t.project();
    project.workflow('big', BIG);
    const fails = async (what, pattern) => {
      const ended = await project.run('big', ['--set', `what=${what}`, '--limit', 'value=100KiB', '--quiet']);
      assert.strictEqual(ended.code, 1, ended);
      assert.match(ended.stderr, pattern);
      assert.match(ended.stderr, /over the limit of 100 KiB a value.*limits\.value in tend\.lua, or --limit value=/);
    };
    await fails('value', /the value of big has 200\d\d\d bytes/);
    await fails('error', /the error of big has 200\d\d\d bytes/);
    await fails('set', /the value for state\.set has 200\d\d\d bytes/);
    await fails('update', /the value of state\.update has 200\d\d\d bytes/);
    await fails('input', /the input has 200\d\d\d bytes/);
    await fails('result', /the run's result has 200\d\d\d bytes/);
    const caught = await project.run('big', ['--set', 'what=caught', '--limit', 'value=100KiB']);
    assert.deepStrictEqual(caught.json, { kind: 'value', ok: false, state: true }, caught);
    assert.strictEqual((await project.run('big', ['--set', 'what=value'])).stdout, '200000\n');
  });

  test('a body over the limit is an error that names the limit and its setting', async (t) => {
    const project = t.project();
    const server = await t.server(() => ({ body: 'x'.repeat(200000) }));
    project.workflow('big', BIG);
    project.workflow('get', 'return { run = function(input) return #http { url = input.url, max_bytes = input.max }.body end }');
    const limit = ['--limit', 'body=100KiB'];
    for (const [target, ...set] of [['big', '--set', 'what=exec'], ['get', '--set', `url=${server.url}/`]]) {
      const ended = await project.run(target, [...set, ...limit]);
      assert.strictEqual(ended.code, 1, ended);
      assert.match(ended.stderr, /larger than max_bytes \(102400\).*`max_bytes`.*limits\.body in tend\.lua, or --limit body=/);
    }
    assert.strictEqual((await project.run('big', ['--set', 'what=own', ...limit])).stdout, '200000\n');
    const own = await project.run('get', ['--set', `url=${server.url}/`, '--set', 'max=300000', ...limit]);
    assert.strictEqual(own.stdout, '200000\n', own);
  });

  test('a run has so many steps and no more, over a restart too', async (t) => {
    const project = t.project();
    project.workflow('big', BIG);
    const run = (n, ...args) => project.run('big', ['--set', 'what=steps', '--set', `n=${n}`, ...args]);
    assert.strictEqual((await run(20, '--limit', 'steps=20')).stdout, '20\n');
    const ended = await run(21, '--limit', 'steps=20', '--id', 'many');
    assert.strictEqual(ended.code, 1, ended);
    assert.match(ended.stderr, /the run has 20 steps, which is its limit.*limits\.steps in tend\.lua, or --limit steps=/);
    assert.strictEqual((await project.show('many')).steps.length, 20);
    await project.tend(['retry', 'many']);
    assert.strictEqual((await project.tend(['resume', 'many', '--json', '--limit', 'steps=20'])).code, 1);
    await project.tend(['retry', 'many']);
    assert.strictEqual((await project.tend(['resume', 'many', '--json'])).stdout, '21\n');
  });

  test('--limit goes over tend.lua, and the watchdog and memory obey it', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return { limits = { watchdog = "50s", memory = "300MiB" } }');
    project.workflow('loops', 'return { run = function() while true do end end }');
    project.workflow('eats', 'return { run = function() return #string.rep("x", 100 << 20) end }');
    const loops = await project.run('loops', ['--limit', 'watchdog=200ms']);
    assert.match(loops.stderr, /0\.2 s of processor time.*limits\.watchdog in tend\.lua, or --limit watchdog=/, loops);
    const eats = await project.run('eats', ['--limit', 'memory=32MiB']);
    assert.match(eats.stderr, /more memory than its limit, 32 MiB \(limits\.memory in tend\.lua, or --limit memory=/, eats);
    assert.strictEqual((await project.run('eats')).code, 0);
  });

  test('a wrong limit is an error that says what is allowed, and makes no run', async (t) => {
    const project = t.project();
    project.workflow('big', BIG);
    const names = /there are memory, watchdog, value, body, steps, cancel_grace/;
    for (const [limit, pattern] of [
      ['memry=1MiB', /no limit 'memry'/],
      ['memry=1MiB', names],
      ['memory=1zb', /memory is no size: a number of bytes, or text such as "256MiB"/],
      ['watchdog=soon', /watchdog is no duration: a number of seconds, or text such as "1m30s"/],
      ['steps=0', /steps must be a positive integer/],
      ['steps', /NAME=VALUE/],
    ])
      for (const command of [['run', 'big'], ['resume', '--all'], ['serve']]) {
        const ended = await project.tend([...command, '--limit', limit]);
        assert.strictEqual(ended.code, 2, ended);
        assert.match(ended.stderr, pattern);
      }
    project.write('tend.lua', 'return { limits = { memry = "1MiB" } }');
    const ended = await project.run('big');
    assert.strictEqual(ended.code, 2, ended);
    assert.match(ended.stderr, /tend\.lua: limits: there is no limit 'memry'/);
    assert.match(ended.stderr, names);
    assert.strictEqual(project.exists('.tend/journal'), false);
  });
};
