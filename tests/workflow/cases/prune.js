'use strict';
// `tend prune` and retention: what ended goes, what is still needed stays.

const assert = require('node:assert');

const ONE = 'return { run = function() return 1 end }';
const FAILS = 'return { run = function() error("no") end }';
const ids = async (project) => (await project.runs()).map((run) => run.id).sort();
const old = (...more) => ['prune', '--older-than', '0s', '--json', ...more];

module.exports = (test) => {
  test('what ended goes, by status, workflow and age; --dry-run only counts', async (t) => {
    const project = t.project();
    project.workflow('one', ONE);
    project.workflow('two', ONE);
    project.workflow('fails', FAILS);
    for (const [workflow, id] of [['one', 'a'], ['one', 'b'], ['two', 'c'], ['fails', 'd']])
      await project.run(workflow, ['--id', id]);
    assert.strictEqual((await project.tend(['prune', '--json'])).json.runs, 0);
    assert.strictEqual((await project.tend(['prune', '--older-than', '1h', '--json'])).json.runs, 0);
    const dry = (await project.tend(old('--dry-run'))).json;
    assert.deepStrictEqual(dry, { runs: 4, entries: 8, bundles: 0, dry_run: true });
    assert.deepStrictEqual(await ids(project), ['a', 'b', 'c', 'd']);
    assert.strictEqual((await project.tend(old('--workflow', 'one'))).json.runs, 2);
    assert.deepStrictEqual(await ids(project), ['c', 'd']);
    assert.strictEqual((await project.tend(old('--status', 'failed'))).json.runs, 1);
    assert.deepStrictEqual(await ids(project), ['c']);
    const plain = await project.tend(['prune', '--older-than', '0s']);
    assert.strictEqual(plain.stdout, 'deleted 1 run with 2 entries, 2 bundles\n', plain);
    assert.strictEqual((await project.tend(['show', 'a'])).code, 2);
    assert.strictEqual((await project.run('one', ['--id', 'a'])).stdout, '1\n'); // the id is free
  });

  test('an engine that owns the home is asked, and says what went', async (t) => {
    const project = t.project();
    project.workflow('one', ONE);
    for (const id of ['a', 'b', 'c']) await project.run('one', ['--id', id]);
    const serving = await project.serve();
    const ended = await project.tend(old());
    assert.strictEqual(ended.code, 0, ended);
    assert.strictEqual(ended.json.runs, 3, ended);
    assert.match(ended.stderr, new RegExp(`asked process ${serving.child.pid}`));
    assert.deepStrictEqual(await ids(project), []);
    assert.strictEqual((await project.run('one', ['--id', 'a'])).stdout, '1\n'); // with its bundle
  });

  test('serve keeps to `retention`, by status', async (t) => {
    const project = t.project();
    project.workflow('one', ONE);
    project.workflow('fails', FAILS);
    project.write('tend.lua', 'return { retention = { completed = "1s", failed = false } }');
    await project.serve();
    await project.run('fails', ['--id', 'f']);
    for (const id of ['a', 'b']) await project.run('one', ['--id', id]);
    await project.until('both to go', async () => (await project.runs()).length === 1);
    assert.deepStrictEqual(await ids(project), ['f']);
  });

  test('a wrong `retention` is an error that says what is known', async (t) => {
    const project = t.project();
    for (const [retention, says] of [
      ['"often"', /retention is no duration/],
      ['{ blocked = "1d" }', /completed, failed and cancelled, not 'blocked'/],
      ['{ failed = true }', /retention: failed is no duration/],
    ]) {
      project.write('tend.lua', `return { retention = ${retention} }`);
      const ended = await project.tend(['serve']);
      assert.strictEqual(ended.code, 2, ended);
      assert.match(ended.stderr, says);
    }
  });

  test('a child stays while its parent may still ask for it', async (t) => {
    const project = t.project();
    project.workflow('child', 'return { run = function() return 7 end }');
    project.workflow(
      'parent',
      'return { run = function() local c = invoke("child", {}, { id = "c" }) wait_for("go") return c end }',
    );
    const running = project.spawn(['run', 'parent', '--id', 'p']);
    await project.untilStep('p', 'go', 'waiting');
    await running.end();
    assert.strictEqual((await project.tend(old())).json.runs, 0);
    await project.tend(['signal', 'p', 'go']);
    assert.strictEqual((await project.tend(['resume', 'p', '--json'])).stdout, '7\n');
    assert.strictEqual((await project.tend(old())).json.runs, 2);
  });

  test('a failed parent keeps its children until it goes itself', async (t) => {
    const project = t.project();
    project.workflow(
      'child',
      `return { run = function()
        return step("s", { retry = false }, function()
          if not io.open("ok.txt") then error("no") end
          return 7
        end)
      end }`,
    );
    project.workflow('parent', 'return { run = function() return invoke("child") end }');
    await project.run('parent', ['--id', 'p']);
    assert.strictEqual((await project.tend(old('--workflow', 'child'))).json.runs, 0);
    project.write('ok.txt', '');
    assert.strictEqual((await project.tend(['retry', 'p'])).code, 0);
    assert.strictEqual((await project.tend(['resume', 'p', '--json'])).stdout, '7\n');
    assert.strictEqual((await project.tend(old())).json.runs, 2);
  });

  test('a run that is to be retried is none to delete', async (t) => {
    const project = t.project();
    project.workflow('fails', FAILS);
    await project.run('fails', ['--id', 'f']);
    assert.strictEqual((await project.tend(['retry', 'f'])).code, 0); // waits in the inbox
    assert.strictEqual((await project.tend(old())).json.runs, 0);
    assert.strictEqual((await project.runs())[0].status, 'pending');
  });

  test('the sources of an unfinished run stay, those of no run go', async (t) => {
    const project = t.project();
    const version = (n) => `return { run = function() wait_for("go") return ${n} end }`;
    project.workflow('w', version(1));
    const running = project.spawn(['run', 'w', '--id', 'one']);
    await project.untilStep('one', 'go', 'waiting');
    await running.end();
    project.workflow('w', 'return { run = function() return 2 end }');
    await project.run('w', ['--id', 'two']);
    assert.strictEqual((await project.tend(old())).json.bundles, 1);
    await project.tend(['signal', 'one', 'go']);
    assert.strictEqual((await project.tend(['resume', 'one', '--json'])).stdout, '1\n');
  });

  test('a tick whose run was deleted does not run again', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return { retention = "1s" }');
    project.workflow(
      'ticks',
      `return { schedule = { every = "1s", missed = "all", overlap = "allow" }, run = function()
        step("s", function() local f = io.open("ticks.txt", "a") f:write("x\\n") f:close() end)
      end }`,
    );
    const first = await project.serve();
    await project.until('some ticks', async () => project.lines('ticks.txt') >= 4);
    await first.end();
    await project.serve();
    await project.until('more ticks', async () => project.lines('ticks.txt') >= 7);
    await project.until('most runs to go', async () => (await project.runs()).length < 5);
    await project.tend(['schedules', 'pause', 'ticks']);
    await project.until('the last to end', async () => {
      const told = (await project.tend(['schedules', '--json'])).json;
      const twice = project.lines('ticks.txt') - told.runs; // the step that the kill cut off
      return told.is_paused && (twice === 0 || twice === 1);
    });
  });

  test('wrong use says what is right', async (t) => {
    const project = t.project();
    for (const [args, says] of [
      [['--older-than', 'x'], /--older-than wants a duration/],
      [['--status', 'waiting'], /--status is completed, failed or cancelled/],
      [['x'], /it takes options only/],
      [[], /no journal in/],
    ]) {
      const ended = await project.tend(['prune', ...args]);
      assert.strictEqual(ended.code, 2, ended);
      assert.match(ended.stderr, says);
    }
    assert.ok(!project.exists('.tend'));
  });
};
