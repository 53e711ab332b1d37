'use strict';
// Modules whose name isn't constant: read when first required, recorded, and the same on replay.

const assert = require('node:assert');

// Requires `plan_NAME`, says what it holds, waits for a signal (out of memory), and says it again.
const CHOOSES = `return { run = function(input)
  local before = require("plan_" .. input.name)
  local ok, none = pcall(require, "nothing_" .. input.name)
  wait_for("go")
  return { before.text, require("plan_" .. input.name).text, before.deeper(), ok, tostring(none) }
end }`;

const plan = (text) => `return { text = "${text}", deeper = function() return require("deep").text end }`;

async function startChooser(t) {
  const project = t.project();
  project.workflow('chooses', CHOOSES);
  project.workflow('plan_a', plan('first'));
  project.workflow('deep', 'return { text = "deep" }');
  const running = project.spawn(['run', 'chooses', '--id', 'r', '--input', '{"name":"a"}']);
  await project.untilStep('r', 'go', 'waiting');
  await running.end('SIGKILL');
  return project;
}

async function go(project) {
  await project.tend(['signal', 'r', 'go']);
  const ended = await project.tend(['resume', 'r', '--json']);
  assert.strictEqual(ended.code, 0, ended);
  return ended.json;
}

module.exports = (test) => {
  test('a replay sees the text that was recorded, and that there was none', async (t) => {
    const project = await startChooser(t);
    project.workflow('plan_a', plan('second'));
    project.workflow('nothing_a', 'return "something"');
    const said = await go(project);
    assert.deepStrictEqual(said.slice(0, 4), ['first', 'first', 'deep', false]);
    assert.match(said[4], /module 'nothing_a' is not there: it is looked for beside the workflow/);
    const { steps } = await project.show('r');
    assert.deepStrictEqual(steps.map(({ key }) => key), ['go']);
  });

  test('the file may go', async (t) => {
    const project = await startChooser(t);
    require('node:fs').rmSync(project.path('workflows', 'plan_a.lua'));
    assert.deepStrictEqual((await go(project)).slice(0, 2), ['first', 'first']);
  });

  test('upgrade reads it anew', async (t) => {
    const project = await startChooser(t);
    project.workflow('plan_a', plan('second'));
    project.workflow('chooses', CHOOSES.replace('return {', 'local other = 1 return {'));
    const upgraded = await project.tend(['upgrade', 'r']);
    assert.strictEqual(upgraded.code, 0, upgraded);
    assert.deepStrictEqual((await go(project)).slice(0, 2), ['second', 'second']);
  });

  test('what the top level loads is part of the bundle', async (t) => {
    const project = t.project();
    project.workflow('top', 'local m = require("mo" .. "d") return { run = function() wait_for("go") return m.text end }');
    project.workflow('mod', 'return { text = require("de" .. "ep").text }');
    project.workflow('deep', 'return { text = "first" }');
    const running = project.spawn(['run', 'top', '--id', 'r']);
    await project.untilStep('r', 'go', 'waiting');
    await running.end('SIGKILL');
    project.workflow('deep', 'return { text = "second" }');
    project.workflow('mod', 'error("broken")');
    assert.strictEqual(await go(project), 'first');
  });

  test('one that doesn’t compile is an error of the script, with its place', async (t) => {
    const project = t.project();
    project.workflow('bad', 'return { run = function() require("bro" .. "ken") end }');
    project.workflow('broken', 'return {\n  text = = 1\n}');
    const ended = await project.run('bad');
    assert.strictEqual(ended.code, 1, ended);
    assert.match(ended.stderr, /workflows\/broken\.lua:2: /);
  });

  test('no name leads out of the folders', async (t) => {
    const project = t.project();
    project.write('outside.lua', 'return { text = "outside" }');
    project.workflow('out', 'return { run = function(input) return (pcall(require, input.name)) end }');
    for (const name of ['../outside', '..outside', project.path('outside')])
      assert.strictEqual((await project.run('out', ['--input', JSON.stringify({ name })])).stdout, 'false\n');
  });
};
