'use strict';
// invoke and start: other runs as part of a run.

const assert = require('node:assert');

const CHILD = `return {
  input = { n = 1, nap = 0 },
  run = function(input)
    sleep(input.nap)
    if input.n < 0 then error({ message = "negative", n = input.n }) end
    return { doubled = input.n * 2 }
  end,
}`;

module.exports = (test) => {
  test('invoke gives the result of another workflow', async (t) => {
    const project = t.project();
    project.workflow('child', CHILD);
    project.workflow(
      'parent',
      'return { run = function() return { invoke("child", { n = 4 }), invoke("child") } end }',
    );
    const ended = await project.run('parent', ['--id', 'p']);
    assert.strictEqual(ended.stdout, '[{"doubled":8},{"doubled":2}]\n', ended);
    assert.strictEqual((await project.runs(['--workflow', 'child'])).length, 2);
    const { steps } = await project.show('p');
    assert.deepStrictEqual(
      steps.map(({ key, kind }) => [key, kind]),
      [
        ['child', 'invoke'],
        ['child#2', 'invoke'],
      ],
    );
  });

  test('a long child is waited for out of memory, also over a kill', async (t) => {
    const project = t.project();
    project.workflow('child', CHILD);
    project.workflow(
      'parent',
      'return { run = function() return invoke("child", { nap = 1.5 }) end }',
    );
    const running = project.spawn(['run', 'parent', '--id', 'p']);
    await project.untilStep('p', 'child', 'waiting');
    await project.until(
      'the parent to wait',
      async () => (await project.show('p')).run.status === 'waiting',
    );
    await running.end();
    const ended = await project.tend(['resume', 'p', '--json']);
    assert.strictEqual(ended.stdout, '{"doubled":2}\n', ended);
    assert.strictEqual((await project.runs(['--workflow', 'child'])).length, 1);
  });

  test('a failed child raises kind child with its error as cause', async (t) => {
    const project = t.project();
    project.workflow('child', CHILD);
    project.workflow(
      'parent',
      `return { run = function()
        local ok, err = pcall(invoke, "child", { n = -1 })
        return { ok, err.kind, err.cause.message, err.cause.n, err.message:find("negative", 1, true) ~= nil }
      end }`,
    );
    const ended = await project.run('parent');
    assert.strictEqual(ended.stdout, '[false,"child","negative",-1,true]\n', ended);
  });

  test('a missing child or a wrong input is an error that names it', async (t) => {
    const project = t.project();
    project.workflow('child', CHILD);
    project.workflow(
      'parent',
      `return { run = function()
        local _, missing = pcall(invoke, "nobody", {})
        local _, wrong = pcall(start, "child", { odd = 1 })
        return { missing.message, wrong.message }
      end }`,
    );
    const ended = await project.run('parent');
    assert.match(ended.json[0], /no workflow 'nobody'/, ended);
    assert.match(ended.json[1], /no input 'odd'/);
  });

  test('start gives the id at once; an engine runs it', async (t) => {
    const project = t.project();
    project.workflow('child', CHILD);
    project.workflow(
      'parent',
      'return { run = function() return { start("child", { nap = 0.2 }), start("child", {}, { id = "own" }) } end }',
    );
    const ended = await project.run('parent');
    assert.strictEqual(ended.code, 0, ended);
    const ids = ended.json;
    assert.strictEqual(ids[1], 'own');
    await project.tend(['resume', '--all']);
    for (const id of ids)
      assert.deepStrictEqual((await project.show(id)).run.result, { doubled: 2 });
  });

  test('an id that is there with the same workflow and input is joined', async (t) => {
    const project = t.project();
    project.workflow('child', CHILD);
    project.workflow(
      'parent',
      `return { run = function()
        local both = parallel({
          function() return invoke("child", { n = 3, nap = 0.2 }, { id = "shared" }) end,
          function() return invoke("child", { n = 3, nap = 0.2 }, { id = "shared" }) end,
        })
        local third = invoke("child", { n = 3, nap = 0.2 }, { id = "shared" })
        local started = start("child", { n = 3, nap = 0.2 }, { id = "shared" })
        local ok, err = pcall(invoke, "child", { n = 4 }, { id = "shared" })
        return { both[1].doubled, both[2].doubled, third.doubled, started, ok, err.message }
      end }`,
    );
    const ended = await project.run('parent');
    assert.deepStrictEqual(ended.json.slice(0, 5), [6, 6, 6, 'shared', false], ended);
    assert.match(ended.json[5], /the id shared belongs to a run of another workflow or input/);
    assert.strictEqual((await project.runs(['--workflow', 'child'])).length, 1);
  });

  test('children take the current source', async (t) => {
    const project = t.project();
    project.workflow('child', 'return { run = function() return "old" end }');
    project.workflow('parent', 'return { run = function() sleep(1.2) return invoke("child") end }');
    const running = project.spawn(['run', 'parent', '--id', 'p', '--json']);
    await project.untilStep('p', 'sleep', 'waiting');
    project.workflow('child', 'return { run = function() return "new" end }');
    assert.strictEqual((await running.ended).stdout, '"new"\n');
  });
};
