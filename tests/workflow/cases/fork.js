'use strict';
// fork and upgrade: what was recorded, under other ids and other sources.

const assert = require('node:assert');

const THREE = `return { run = function()
  local a = step("a", function(ctx) io.open("log", "a"):write("a\\n") return ctx.idempotency_key end)
  local draw = random(1000000000)
  state.set("count", (state.get("count") or 0) + 1)
  local b = step("b", function(ctx) io.open("log", "a"):write("b\\n") return ctx.idempotency_key end)
  local after = random(1000000000)
  sleep(0.01)
  return { a = a, b = b, draw = draw, after = after, c = step("c", function() return "old" end) }
end }`;

const result = (ended) => JSON.parse(ended.stdout || 'null');

module.exports = (test) => {
  test('a fork keeps what was recorded before the step, and draws anew after it', async (t) => {
    const project = t.project();
    project.workflow('w', THREE);
    const first = result(await project.run('w', ['--id', 'w']));
    const forked = await project.tend(['fork', 'w', '--at', 'b', '--id', 'f']);
    assert.strictEqual(forked.stdout, 'f\n', forked);
    assert.strictEqual((await project.show('f')).run.status, 'pending', 'left ready, not begun');
    const ended = await project.tend(['resume', 'f', '--json']);
    const second = result(ended);
    assert.ok(second, ended);
    assert.strictEqual(second.a, first.a);
    assert.strictEqual(second.draw, first.draw);
    assert.notStrictEqual(second.b, first.b);
    assert.notStrictEqual(second.after, first.after);
    assert.strictEqual(project.read('log'), 'a\nb\nb\n');
    assert.strictEqual((await project.show('f')).steps.find(({ key }) => key === 'state.set').status, 'completed');
    project.workflow('count', 'return { run = function() return state.get("count") end }');
    assert.strictEqual((await project.run('count')).stdout, '1\n', 'no write is applied again');
  });

  test('what a fork draws comes out the same when it is replayed', async (t) => {
    const project = t.project();
    project.workflow(
      'w',
      `return { run = function()
        local before = random(1000000000)
        step("a", function() end)
        local after = random(1000000000)
        local id = uuid()
        step("b", function() end)
        wait_for("go")
        return { before, after, id, random(1000000000) }
      end }`,
    );
    const running = project.spawn(['run', 'w', '--id', 'w', '--json']);
    await project.untilStep('w', 'go', 'waiting');
    await project.tend(['signal', 'w', 'go']);
    const first = result(await running.ended);
    await project.tend(['fork', 'w', '--at', 'a', '--id', 'f']);
    const fork = project.spawn(['resume', 'f', '--json']);
    await project.untilStep('f', 'go', 'waiting');
    await fork.end('SIGKILL');
    await project.tend(['fork', 'f', '--at', 'go', '--id', 'g']);
    await project.tend(['signal', 'f', 'go']);
    await project.tend(['signal', 'g', 'go']);
    const second = result(await project.tend(['resume', 'f', '--json']));
    const third = result(await project.tend(['resume', 'g', '--json']));
    assert.strictEqual(second[0], first[0]);
    assert.notStrictEqual(second[1], first[1]);
    assert.deepStrictEqual(third.slice(0, 3), second.slice(0, 3));
    assert.notStrictEqual(third[3], second[3]);
  });

  test('a wrong step names the nearest one; a taken id is an error', async (t) => {
    const project = t.project();
    project.workflow('w', THREE);
    await project.run('w', ['--id', 'w']);
    const wrong = await project.tend(['fork', 'w', '--at', 'sleeep']);
    assert.strictEqual(wrong.code, 2, wrong);
    assert.match(wrong.stderr, /run w has no step 'sleeep': did you mean 'sleep'; `tend show w`/);
    const taken = await project.tend(['fork', 'w', '--at', 'b', '--id', 'w']);
    assert.strictEqual(taken.code, 2, taken);
    assert.match(taken.stderr, /the id w is taken/);
    assert.strictEqual((await project.tend(['fork', 'w'])).code, 2);
  });

  test('of two forks and a run that want one id in the same moment, one gets it', async (t) => {
    const project = t.project();
    project.workflow('w', THREE);
    await project.run('w', ['--id', 'w']);
    const server = await project.serve();
    server.child.kill('SIGSTOP'); // so that all three are taken at once
    for (const step of ['a', 'b'])
      assert.strictEqual((await project.tend(['fork', 'w', '--at', step, '--id', 'f'])).code, 0);
    project.workflow('other', 'return { run = function() return "other" end }');
    const run = project.spawn(['run', 'other', '--id', 'f']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    server.child.kill('SIGCONT');
    await server.says(/the id f is taken; choose another id[^]*the id f belongs to a run of another/);
    await project.until('the fork to end', async () => {
      return (await project.show('f')).run.status === 'completed';
    });
    await run.end();
    assert.strictEqual((await project.runs()).filter(({ id }) => id === 'f').length, 1);
    const ended = await server.end('SIGTERM');
    assert.strictEqual(ended.code, 0, ended);
  });

  test('a fork takes the current sources where they fit', async (t) => {
    const project = t.project();
    project.workflow('w', THREE);
    const first = result(await project.run('w', ['--id', 'w']));
    project.workflow('w', THREE.replace('"old"', '"new"'));
    await project.tend(['fork', 'w', '--at', 'c', '--id', 'f', '--source', 'current']);
    const ended = result(await project.tend(['resume', 'f', '--json']));
    assert.deepStrictEqual(ended, { ...first, c: 'new' });
    project.workflow('w', THREE.replace('step("a"', 'step("z"'));
    const wrong = await project.tend(['fork', 'w', '--at', 'c', '--source', 'current']);
    assert.strictEqual(wrong.code, 2, wrong);
    assert.match(wrong.stderr, /asks for step 'z', which isn't in its journal/);
  });

  test('upgrade moves a waiting run if the new sources fit, and leaves it if not', async (t) => {
    const project = t.project();
    const source = (tail) => `return { run = function()
      step("a", function() io.open("log", "a"):write("a\\n") end)
      wait_for("go")
      ${tail}
    end }`;
    project.workflow('w', source('return "old"'));
    const server = await project.serve();
    const running = project.spawn(['run', 'w', '--id', 'w', '--json']);
    await project.untilStep('w', 'go', 'waiting');
    project.workflow('w', source('return "old"').replace('step("a"', 'step("b"'));
    const wrong = await project.tend(['upgrade', 'w']);
    assert.strictEqual(wrong.code, 2, wrong);
    assert.match(wrong.stderr, /asks for step 'b', which isn't in its journal/);
    project.workflow('w', source('return step("more", function() return "new" end)'));
    const moved = await project.tend(['upgrade', 'w']);
    assert.strictEqual(moved.stdout, 'w\n', moved);
    await project.tend(['signal', 'w', 'go']);
    const ended = await running.ended;
    assert.strictEqual(ended.stdout, '"new"\n', ended);
    assert.strictEqual(project.read('log'), 'a\n');
    const late = await project.tend(['upgrade', 'w']);
    assert.match(late.stderr, /run w is completed already/);
    await server.end('SIGTERM');
  });

  test('steps added before recorded ones need --allow-added, and run when reached', async (t) => {
    const project = t.project();
    const source = (head) => `return { run = function()
      ${head}
      local r = parallel {
        left = function() step("l", function() end) sleep(0.01) return wait_for("left") end,
        right = function() step("r", function() end) return wait_for("right") end,
      }
      step("joined", function() end)
      return { r.left, r.right, wait_for("end") }
    end }`;
    project.workflow('w', source(''));
    let running = project.spawn(['run', 'w', '--id', 'w', '--json']);
    await project.untilStep('w', 'parallel/left/left', 'waiting');
    await project.tend(['signal', 'w', 'left', '1']);
    await project.untilStep('w', 'parallel/left/left', 'completed');
    await running.end('SIGINT');
    project.workflow('w', source('step("added", function() io.open("log", "a"):write("x\\n") end)'));
    const wrong = await project.tend(['upgrade', 'w']);
    assert.strictEqual(wrong.code, 2, wrong);
    assert.match(wrong.stderr, /'added', which isn't in its journal/);
    assert.strictEqual((await project.tend(['upgrade', 'w', '--allow-added'])).code, 0);
    running = project.spawn(['resume', 'w', '--json']);
    await project.untilStep('w', 'added', 'completed');
    await project.tend(['signal', 'w', 'right', '2']);
    await project.untilStep('w', 'end', 'waiting');
    await running.end('SIGKILL');
    await project.tend(['signal', 'w', 'end', '3']);
    const ended = await project.tend(['resume', 'w', '--json']);
    assert.strictEqual(ended.stdout, '[1,2,3]\n', ended);
    assert.strictEqual(project.read('log'), 'x\n', 'once');
  });

  test('upgrade without an engine counts at the next start', async (t) => {
    const project = t.project();
    project.workflow(
      'w',
      `return { run = function()
        local x = state.get("x")
        step("a", function() return 1 end)
        wait_for("go")
        if now() > 0 then error("first sources") end
      end }`,
    );
    const running = project.spawn(['run', 'w', '--id', 'w']);
    await project.untilStep('w', 'go', 'waiting');
    await running.end('SIGINT');
    project.workflow(
      'w',
      'return { run = function() state.get("x") step("a", function() end) return wait_for("go") end }',
    );
    assert.strictEqual((await project.tend(['upgrade', 'w'])).code, 0);
    await project.tend(['signal', 'w', 'go', '"second sources"']);
    const ended = await project.tend(['resume', 'w', '--json']);
    assert.strictEqual(ended.stdout, '"second sources"\n', ended);
  });
};
