'use strict';
// Quarantine: a run that takes the host down three times in a row without getting further is set
// aside; the others go on.

const assert = require('node:assert');
const fs = require('node:fs');

const FOREVER = 'return { run = function() log.info("spins") while true do end end }';

/** The mark of a worker's slot, as the file tells it: the numbers of runs whose Lua runs. */
function marked(project) {
  const file = fs.readFileSync(`${project.home}/marks`);
  const numbers = [];
  for (let at = file.length - 64 * 8; at < file.length; at += 8) numbers.push(Number(file.readBigUInt64LE(at)));
  return numbers.filter(Boolean);
}

/** Lets an engine spin in the run, and kills it there. */
async function crash(project, args, options) {
  const engine = project.spawn(args, options);
  await engine.says(/spins/);
  await project.until('the mark', () => marked(project).length > 0);
  await engine.end('SIGKILL');
  return engine;
}

const status = async (project, id) => (await project.show(id)).run.status;

module.exports = (test) => {
  test('three crashes in a row: stuck, with a reason and exit 4; another run goes on', async (t) => {
    const project = t.project();
    project.workflow('forever', FOREVER);
    project.workflow('other', 'return { run = function() return wait_for("go") end }');
    await crash(project, ['run', 'forever', '--id', 's']);
    const server = await project.serve();
    await server.says(/spins/);
    const other = project.spawn(['run', 'other', '--id', 'o', '--json']);
    await project.until('the other run', async () => (await project.runs()).length === 2);
    await server.end('SIGKILL');
    await other.end();
    await crash(project, ['resume', 's']);
    const serving = await project.serve();
    assert.match(serving.stderr, /run s \(forever\) is stuck: .* 3 times in a row/);
    await project.tend(['signal', 'o', 'go', '42']);
    await project.until('the other run to end', async () => (await status(project, 'o')) === 'completed');
    const { run } = await project.show('s');
    assert.strictEqual(run.status, 'stuck');
    assert.match(run.waits_for || '', /tend retry s.*tend cancel s/);
    assert.strictEqual((await serving.end('SIGTERM')).code, 0);
    const ended = await project.tend(['resume', 's']);
    assert.strictEqual(ended.code, 4, ended);
    assert.match(ended.stderr, /`tend retry s` tries it again/);
    const shown = await project.tend(['show', 's']);
    assert.match(shown.stdout, /stuck/);
    assert.match(shown.stdout, /tend retry s/);
    assert.strictEqual((await project.run('forever', ['--id', 's'])).code, 4);
  });

  test('retry makes it ready again, with the count at 0 and nothing set aside', async (t) => {
    const project = t.project();
    project.workflow(
      'forever',
      'return { run = function() step("before", function() return 1 end) sleep(0.01) log.info("spins") while true do end end }',
    );
    await crash(project, ['run', 'forever', '--id', 's']);
    await crash(project, ['resume', 's']);
    await crash(project, ['resume', 's']);
    assert.strictEqual((await project.tend(['resume', 's'])).code, 4);
    assert.strictEqual((await project.tend(['retry', 's'])).code, 0);
    await crash(project, ['resume', 's']); // the first, again
    await crash(project, ['resume', 's']);
    const { run, steps } = await project.show('s');
    assert.notStrictEqual(run.status, 'stuck');
    assert.deepStrictEqual(
      steps.map(({ key, status }) => `${key} ${status}`),
      ['before completed', 'sleep waiting'],
    );
    await crash(project, ['resume', 's']);
    assert.strictEqual((await project.tend(['resume', 's'])).code, 4);
  });

  test('a run that gets further each time is never stuck', async (t) => {
    const project = t.project();
    // Each step spins when it is first tried: its start is recorded, which is no progress.
    project.workflow(
      'further',
      `return { run = function()
        for i = 1, 5 do
          step("try " .. i, function(ctx)
            local file <close> = assert(io.open("tries.txt", "a"))
            if ctx.attempt == 1 then log.info("spins") while true do end end
          end)
        end
        return "through"
      end }`,
    );
    await crash(project, ['run', 'further', '--id', 'f']);
    for (let i = 2; i <= 5; i++) await crash(project, ['resume', 'f']);
    const ended = await project.tend(['resume', 'f', '--json']);
    assert.strictEqual(ended.stdout, '"through"\n', ended);
  });

  test('a kill while its Lua waits, or while the engine ends, counts against nobody', async (t) => {
    const project = t.project();
    project.workflow('forever', FOREVER);
    project.workflow('waits', 'return { run = function() log.info("waits") exec { cmd = "sleep", args = {"60"} } end }');
    for (let i = 0; i < 4; i++) {
      const waits = project.spawn(i ? ['resume', 'w'] : ['run', 'waits', '--id', 'w']);
      if (i === 0) await waits.says(/waits/);
      await project.untilStep('w', 'sleep', 'running');
      await waits.end('SIGKILL');
    }
    assert.notStrictEqual(await status(project, 'w'), 'stuck');
    for (let i = 0; i < 4; i++) {
      const spins = project.spawn(i ? ['resume', 's'] : ['run', 'forever', '--id', 's']);
      await spins.says(/spins/);
      spins.child.kill('SIGTERM'); // what Lua runs has its time for this; a supervisor has less
      await new Promise((resolve) => setTimeout(resolve, 300));
      await spins.end('SIGKILL');
    }
    assert.notStrictEqual(await status(project, 's'), 'stuck');
  });

  test('cancel ends a stuck run', async (t) => {
    const project = t.project();
    project.workflow('forever', FOREVER);
    await crash(project, ['run', 'forever', '--id', 's']);
    await crash(project, ['resume', 's']);
    await crash(project, ['resume', 's']);
    assert.strictEqual((await project.tend(['resume', 's'])).code, 4);
    assert.strictEqual((await project.tend(['cancel', 's'])).code, 0);
    assert.strictEqual((await project.tend(['resume', 's'])).code, 3);
  });

  test('who drives a run that waits for a stuck one is told, and doesn’t wait for ever', async (t) => {
    const project = t.project();
    project.workflow('forever', FOREVER);
    project.workflow('parent', 'return { run = function() return invoke("forever", {}, { id = "c" }) end }');
    await crash(project, ['run', 'parent', '--id', 'p']);
    await crash(project, ['resume', 'p']);
    await crash(project, ['resume', 'p']);
    for (let i = 0; i < 2; i++) {
      const ended = await project.tend(['resume', 'p']);
      assert.strictEqual(ended.code, 4, ended);
    }
    assert.strictEqual(await status(project, 'c'), 'stuck');
    assert.strictEqual(await status(project, 'p'), 'waiting');
  });
};
