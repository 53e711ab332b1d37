'use strict';
// The watchdog: a run that never reaches a primitive is ended; the rest goes on.

const assert = require('node:assert');

const SHORT = 'return { limits = { watchdog = "300ms" } }';

async function assertEnded(project, name) {
  const ended = await project.run(name);
  assert.strictEqual(ended.code, 1, ended);
  assert.match(ended.stderr, new RegExp(`${name}\\.lua:\\d+: 0\\.3 s of processor time.*limits\\.watchdog`));
  return ended;
}

module.exports = (test) => {
  test('an endless loop is ended, in Lua and in C, under pcall and in a step', async (t) => {
    const project = t.project();
    project.write('tend.lua', SHORT);
    const bodies = {
      plain: 'while true do end',
      caught: 'while true do pcall(function() while true do end end) end',
      matching: '("a"):rep(1 << 20):find(".-.-b")',
      repeating: '("a"):rep(60):find(("a?"):rep(60) .. ("a"):rep(60))',
      in_step: 'step("s", function() while true do pcall(error) end end)',
      in_branch: 'parallel({ function() while true do end end }, { settle = true })',
      in_coroutine: 'coroutine.wrap(function() while true do pcall(error) end end)()',
    };
    for (const [name, body] of Object.entries(bodies)) {
      project.workflow(name, `return { run = function()\n  ${body}\nend }`);
      await assertEnded(project, name);
    }
  });

  test('it is not retried, and the kind says so', async (t) => {
    const project = t.project();
    project.write('tend.lua', SHORT);
    project.workflow('child', 'return { run = function() step("s", function() while true do end end) end }');
    project.workflow('parent', `return { run = function()
      local ok, err = pcall(invoke, "child", {})
      return { ok, err.kind, err.cause.kind }
    end }`);
    const ended = await project.run('parent', ['--json']);
    assert.deepStrictEqual([ended.code, ended.stdout], [0, '[false,"child","watchdog"]\n'], ended);
  });

  test('time spent waiting does not count', async (t) => {
    const project = t.project();
    project.write('tend.lua', SHORT);
    project.workflow('waits', `return { run = function()
      for i = 1, 3 do sleep("200ms") end
      step("read", function() return exec({ cmd = "sleep", args = { "0.6" } }).code end)
      local n = 0
      for i = 1, 20 do for j = 1, 1e6 do n = n + 1 end sleep(0) end
      return n
    end }`);
    const ended = await project.run('waits', ['--json']);
    assert.deepStrictEqual([ended.code, ended.stdout], [0, '20000000\n'], ended);
  });

  test('other runs of the same worker go on', async (t) => {
    const project = t.project();
    project.write('tend.lua', SHORT);
    project.workflow('loops', 'return { run = function() while true do end end }');
    project.workflow('counts', 'return { run = function() for i = 1, 20 do sleep("10ms") end return 20 end }');
    project.workflow('both', `return { run = function()
      local out = parallel({
        function() return pcall(invoke, "loops", {}) end,
        function() return invoke("counts", {}) end,
        function() return pcall(invoke, "loops", { n = 2 }) end,
      })
      return out
    end }`);
    const ended = await project.run('both', ['--json']);
    assert.deepStrictEqual([ended.code, ended.stdout], [0, '[false,20,false]\n'], ended);
  });

  test('a top level that never ends makes no run', async (t) => {
    const project = t.project();
    project.write('tend.lua', SHORT);
    project.workflow('top', 'while true do pcall(error) end');
    const ended = await project.run('top');
    assert.strictEqual(ended.code, 2, ended);
    assert.match(ended.stderr, /top\.lua:1: .*limits\.watchdog/);
  });

  test('a limit that is no duration is refused', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return { limits = { watchdog = "long" } }');
    project.workflow('one', 'return { run = function() return 1 end }');
    const ended = await project.run('one');
    assert.strictEqual(ended.code, 2, ended);
    assert.match(ended.stderr, /watchdog is no duration/);
  });
};
