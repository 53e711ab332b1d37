'use strict';
// tend serve: handing over, schedules, stopping, being killed.

const assert = require('node:assert');

module.exports = (test) => {
  test('tend run hands over to a serve that owns the home, with the same output and code', async (t) => {
    const project = t.project();
    project.workflow('good', 'return { run = function(i) sleep(0.05) return { i.n } end }');
    project.workflow('bad', 'return { run = function() error("bad luck") end }');
    const server = await project.serve();
    const good = await project.run('good', ['--set', 'n=1', '--id', 'g']);
    const again = await project.run('good', ['--set', 'n=1', '--id', 'g']);
    const bad = await project.run('bad');
    assert.deepStrictEqual([good.code, good.stdout], [0, '[1]\n'], good);
    assert.deepStrictEqual([again.code, again.stdout], [0, '[1]\n'], again);
    assert.deepStrictEqual([bad.code, bad.stdout], [1, ''], bad);
    assert.match(bad.stderr, /bad luck/);
    const wrong = await project.run('good', ['--set', 'n=2', '--id', 'g']);
    assert.strictEqual(wrong.code, 2, wrong);
    assert.match(wrong.stderr, /the id g belongs to a run of another workflow or input/);
    const missing = await project.run('nobody');
    assert.strictEqual(missing.code, 2, missing);
    const ended = await server.end('SIGTERM');
    assert.strictEqual(ended.code, 0, ended);
    assert.strictEqual((await project.runs()).length, 2);
  });

  test('the client closes the bundle: its own file is what runs', async (t) => {
    const project = t.project();
    await project.serve();
    const file = project.write(
      'elsewhere/mine.lua',
      'local m = require "near" return { run = function() return m end }',
    );
    project.write('elsewhere/near.lua', 'return "near"');
    const ended = await project.run(file);
    assert.strictEqual(ended.stdout, '"near"\n', ended);
  });

  test('a client whose engine is killed takes over', async (t) => {
    const project = t.project();
    project.workflow('naps', 'return { run = function() sleep(1.5) return "done" end }');
    const server = await project.serve();
    const client = project.spawn(['run', 'naps', '--id', 'n', '--json']);
    await project.untilStep('n', 'sleep', 'waiting');
    await server.end();
    const ended = await client.ended;
    assert.deepStrictEqual([ended.code, ended.stdout], [0, '"done"\n'], ended);
    assert.strictEqual((await project.runs()).length, 1);
  });

  test('a second serve on the same home is refused and names the first', async (t) => {
    const project = t.project();
    const server = await project.serve();
    const second = await project.tend(['serve']);
    assert.strictEqual(second.code, 2, second);
    assert.match(second.stderr, new RegExp(String(server.child.pid)));
    const resumed = await project.tend(['resume', '--all']);
    assert.strictEqual(resumed.code, 2, resumed);
  });

  test('a wrong tend.lua is exit 2 with file and line', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return {\n  model = ,\n}');
    const ended = await project.tend(['serve']);
    assert.strictEqual(ended.code, 2, ended);
    assert.match(ended.stderr, /tend\.lua:2:/);
  });

  test('serve takes up what a killed one left', async (t) => {
    const project = t.project();
    project.workflow('naps', 'return { run = function() sleep(1.5) return "done" end }');
    const first = await project.serve();
    const client = project.spawn(['run', 'naps', '--id', 'n', '--json']);
    await project.untilStep('n', 'sleep', 'waiting');
    await client.end();
    await first.end();
    await project.serve();
    await project.until(
      'the run to end',
      async () => (await project.show('n')).run.result === 'done',
    );
  });

  test('SIGTERM stops it with exit 0, and what was under way goes on later', async (t) => {
    const project = t.project();
    project.workflow(
      'works',
      'return { run = function() exec { cmd = "sleep", args = { "0.7" } } return 1 end }',
    );
    const server = await project.serve();
    const client = project.spawn(['run', 'works', '--id', 'w', '--json']);
    await project.untilStep('w', 'sleep', 'running');
    await client.end();
    const stopped = await server.end('SIGTERM');
    assert.strictEqual(stopped.code, 0, stopped);
    assert.match(stopped.stderr, /stopped/);
    const ended = await project.tend(['resume', 'w', '--json']);
    assert.strictEqual(ended.stdout, '1\n', ended);
  });

  test('runs that race on a value lose no update', async (t) => {
    const project = t.project();
    project.workflow(
      'adds',
      `return { run = function(input)
        for _ = 1, 40 do
          state.update("count", function(n)
            local m = n or 0
            for _ = 1, 20000 do m = m + 0 end -- long enough for another run to come between
            return m + 1
          end)
          if input.waits then sleep(0.001) end
        end
        return state.get("count")
      end }`,
    );
    await project.serve();
    const all = await Promise.all(
      [1, 2, 3, 4].map((n) =>
        project.run('adds', ['--id', `a${n}`, '--set', `waits=${n % 2 === 0}`]),
      ),
    );
    assert.deepStrictEqual(
      all.map(({ code }) => code),
      [0, 0, 0, 0],
    );
    assert.strictEqual(Math.max(...all.map(({ json }) => json)), 160);
  });

  test('a run that wants too much memory fails; the others and the server go on', async (t) => {
    const project = t.project();
    project.workflow(
      'greedy',
      'return { run = function() local all = {} for i = 1, 40 do all[i] = ("x"):rep(2^24) .. i end end }',
    );
    project.workflow('modest', 'return { run = function() sleep(0.3) return "fine" end }');
    const server = await project.serve();
    const modest = project.run('modest');
    const greedy = await project.run('greedy');
    assert.strictEqual(greedy.code, 1, greedy);
    assert.match(greedy.stderr, /memory/);
    assert.strictEqual((await modest).stdout, '"fine"\n');
    assert.ok(!server.isOver);
  });

  test('limits.memory in tend.lua bounds a run', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return { limits = { memory = "8MiB" } }');
    project.workflow('some', 'return { run = function() return #("x"):rep(2^20) end }');
    project.workflow('more', 'return { run = function() return #("x"):rep(2^20 * 16) end }');
    const some = await project.run('some');
    const more = await project.run('more');
    assert.strictEqual(some.stdout, '1048576\n', some);
    assert.strictEqual(more.code, 1, more);
    assert.match(more.stderr, /memory.*limits\.memory/);
    project.write('tend.lua', 'return { limits = { memory = "much" } }');
    const wrong = await project.run('some');
    assert.strictEqual(wrong.code, 2, wrong);
    assert.match(wrong.stderr, /memory is no size/);
  });

  test('a schedule has exactly one run a tick, whatever is killed', async (t) => {
    const project = t.project();
    project.workflow(
      'ticks',
      `return { schedule = { every = "1s" }, run = function()
        state.update("ticks", function(n) return (n or 0) + 1 end)
        return state.get("ticks")
      end }`,
    );
    const began = Date.now();
    for (const pause of [1700, 900, 1300]) {
      const server = await project.serve();
      assert.match(server.stderr, /1 schedule,/);
      await new Promise((resolve) => setTimeout(resolve, pause));
      await server.end();
    }
    const last = await project.serve();
    await project.until('all to end', async () =>
      (await project.runs()).every(({ status }) => status === 'completed'),
    );
    await last.end('SIGTERM');
    const runs = (await project.runs(['--limit', '0'])).reverse();
    const seconds = Math.ceil((Date.now() - began) / 1000);
    assert.ok(runs.length >= 3 && runs.length <= seconds + 1, `${runs.length} in ${seconds} s`);
    const ids = runs.map(({ id }) => id);
    for (const id of ids) assert.match(id, /^ticks\.\d{8}T\d{6}Z$/);
    assert.deepStrictEqual([...new Set(ids)].sort(), ids);
    const counts = [];
    for (const id of ids) counts.push((await project.show(id)).run.result);
    assert.deepStrictEqual(
      counts,
      ids.map((_, index) => index + 1),
      'each tick counted once',
    );
  });

  test('a tick is passed over while the run before it is unfinished', async (t) => {
    const project = t.project();
    project.workflow(
      'slow',
      'return { schedule = { every = "1s" }, run = function() sleep(2.5) end }',
    );
    const server = await project.serve();
    await new Promise((resolve) => setTimeout(resolve, 3200));
    await server.end('SIGTERM');
    const runs = await project.runs();
    assert.ok(runs.length >= 1 && runs.length <= 2, `${runs.length} runs`);
  });

  test('tend.lua schedules by name and gives the input', async (t) => {
    const project = t.project();
    project.workflow('asked', 'return { input = { n = 0 }, run = function(i) return i.n end }');
    project.write(
      'tend.lua',
      'return { schedules = { asked = { every = "1s", input = { n = 7 } } } }',
    );
    const server = await project.serve();
    const [run] = await project.until('a tick', async () => {
      const runs = await project.runs(['--status', 'completed']);
      return runs.length && runs;
    });
    await server.end('SIGTERM');
    assert.strictEqual((await project.show(run.id)).run.result, 7);
  });

  test('a schedule of a workflow that is not there is refused', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return { schedules = { nobody = { every = "1m" } } }');
    const ended = await project.tend(['serve']);
    assert.strictEqual(ended.code, 2, ended);
    assert.match(ended.stderr, /schedules 'nobody'/);
  });
};
