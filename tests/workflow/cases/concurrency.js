'use strict';
// concurrency: how many runs with the same key go on at a time.

const assert = require('node:assert');

const WORK = `return {
  concurrency = { limit = 1, key = function(input) return input.shop end },
  input = { shop = "a", nap = 0.05, fail = false },
  run = function(input)
    step("in", function() local f = io.open("log", "a") f:write("+", input.shop, "\\n") f:close() end)
    sleep(input.nap)
    step("out", function() local f = io.open("log", "a") f:write("-", input.shop, "\\n") f:close() end)
    if input.fail then fatal("as asked") end
    return input.shop
  end,
}`;

/** The most that were in at a time, by shop. */
function most(lines) {
  const now = {};
  const max = {};
  for (const line of lines) {
    const shop = line.slice(1);
    now[shop] = (now[shop] || 0) + (line[0] === '+' ? 1 : -1);
    max[shop] = Math.max(max[shop] || 0, now[shop]);
  }
  return max;
}

const MANY = `return { run = function()
  local ids = {}
  for i = 1, 12 do ids[i] = start("work", { shop = i % 3 == 0 and "b" or "a" }) end
  return ids
end }`;

module.exports = (test) => {
  test('runs with the same key go on one after the other', async (t) => {
    const project = t.project();
    project.workflow('work', WORK);
    project.workflow('many', MANY);
    const server = await project.serve();
    await project.run('many');
    await project.until('all to end', async () => {
      const ended = await project.runs(['--status', 'completed', '--workflow', 'work']);
      return ended.length === 12;
    });
    assert.deepStrictEqual(most(project.read('log').trim().split('\n')), { a: 1, b: 1 });
    await server.end('SIGTERM');
  });

  test('a slot is kept while its run waits, over a kill, and says so', async (t) => {
    const project = t.project();
    project.workflow('work', WORK.replace('sleep(input.nap)', 'wait_for("go")'));
    let server = await project.serve();
    const first = project.spawn(['run', 'work', '--id', 'first']);
    await project.untilStep('first', 'go', 'waiting');
    const second = project.spawn(['run', 'work', '--id', 'second']);
    const other = project.spawn(['run', 'work', '--id', 'other', '--set', 'shop=b']);
    await project.untilStep('other', 'go', 'waiting');
    await server.end('SIGKILL');
    await first.end();
    await second.end();
    await other.end();
    server = await project.serve();
    await project.tend(['signal', 'other', 'go']);
    await project.until('the other key to go on', async () => {
      return (await project.show('other')).run.status === 'completed';
    });
    assert.strictEqual((await project.show('second')).run.status, 'pending');
    const shown = await project.tend(['show', 'second']);
    assert.match(shown.stdout, /in line for its slot: of work with the key 'a' at most 1/);
    await project.tend(['signal', 'first', 'go']);
    await project.untilStep('second', 'go', 'waiting');
    await project.tend(['signal', 'second', 'go']);
    await project.until('the second to end', async () => {
      return (await project.show('second')).run.status === 'completed';
    });
    assert.strictEqual(most(project.read('log').trim().split('\n')).a, 1);
    await server.end('SIGTERM');
  });

  test('who stands in line can be cancelled, and the next one goes on', async (t) => {
    const project = t.project();
    project.workflow('work', WORK.replace('sleep(input.nap)', 'wait_for("go")'));
    const server = await project.serve();
    for (const id of ['one', 'two', 'three']) {
      project.spawn(['run', 'work', '--id', id]);
      await project.until(`${id} to be there`, async () =>
        (await project.runs()).some((run) => run.id === id),
      );
    }
    await project.untilStep('one', 'go', 'waiting');
    await project.tend(['cancel', 'two']);
    await project.until('the cancel', async () => {
      return (await project.show('two')).run.status === 'cancelled';
    });
    assert.deepStrictEqual((await project.show('two')).steps, []);
    await project.tend(['cancel', 'one']);
    await project.untilStep('three', 'go', 'waiting');
    await server.end('SIGTERM');
  });

  test('a retry stands in line again', async (t) => {
    const project = t.project();
    project.workflow('work', WORK.replace('sleep(input.nap)', 'if input.fail then fatal("x") end wait_for("go")'));
    const server = await project.serve();
    assert.strictEqual((await project.run('work', ['--id', 'bad', '--set', 'fail=true'])).code, 1);
    project.spawn(['run', 'work', '--id', 'good']);
    await project.untilStep('good', 'go', 'waiting');
    await project.tend(['retry', 'bad']);
    await project.until('the retried run to stand in line', async () => {
      return (await project.tend(['show', 'bad'])).stdout.includes('in line for its slot');
    });
    await project.tend(['cancel', 'good']);
    await project.until('the retried run to fail again', async () => {
      return (await project.show('bad')).run.status === 'failed';
    });
    await server.end('SIGTERM');
  });

  test('a command says whose slot it waits for', async (t) => {
    const project = t.project();
    project.workflow('work', WORK.replace('sleep(input.nap)', 'wait_for("go")'));
    const first = project.spawn(['run', 'work', '--id', 'first']);
    await project.untilStep('first', 'go', 'waiting');
    await first.end('SIGINT');
    const second = project.spawn(['run', 'work', '--id', 'second']);
    await second.says(/run second waits for its slot \(work, at most 1 at a time\): run first has it/);
    await second.end('SIGINT');
  });

  test('a limit of two lets two in', async (t) => {
    const project = t.project();
    project.workflow('work', WORK.replace('limit = 1', 'limit = 2').replace('nap = 0.05', 'nap = 0.4'));
    project.workflow('many', MANY);
    const server = await project.serve();
    await project.run('many');
    await project.until('all to end', async () => {
      return (await project.runs(['--status', 'completed', '--workflow', 'work'])).length === 12;
    });
    assert.deepStrictEqual(most(project.read('log').trim().split('\n')), { a: 2, b: 2 });
    await server.end('SIGTERM');
  });

  test('what is wrong with it is said before a run is made', async (t) => {
    const wrong = [
      ['limit = "two"', /concurrency.limit must be a positive integer, got two/],
      ['limit = 0', /concurrency.limit must be a positive integer, got 0/],
      ['limit = 1, keys = 1', /concurrency has no 'keys'/],
      ['limit = 1, key = function(input) error("no shop") end', /concurrency.key: .*no shop/],
      ['limit = 1, key = function() return {} end', /concurrency.key must give text/],
      ['limit = 1, key = function() return ("x"):rep(201) end', /201 bytes: at most 200/],
    ];
    for (const [text, message] of wrong) {
      const project = t.project();
      project.workflow('w', `return { concurrency = { ${text} }, run = function() end }`);
      const ended = await project.run('w');
      assert.strictEqual(ended.code, 2, `${text}\n${ended}`);
      assert.match(ended.stderr, message);
      assert.deepStrictEqual(await project.runs().catch(() => []), []);
    }
  });
};
