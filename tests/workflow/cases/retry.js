'use strict';
// tend retry: a failed run goes on from the step that failed.

const assert = require('node:assert');

// A step that fails while there is no file `mended`; each call of each step is a line of calls.txt.
const FAILS = `local function call(name, fails)
  return step(name, { retry = { attempts = 2, initial = "1ms" } }, function(ctx)
    local file <close> = assert(io.open("calls.txt", "a"))
    file:write(name, " ", ctx.attempt, " ", ctx.idempotency_key, "\\n")
    local mended = io.open("mended")
    if mended then mended:close() end
    if fails and not mended then error("not mended yet") end
    return name
  end)
end
return { run = function()
  local before = call("before")
  local ok, err = pcall(call, "fails", true)
  if not ok then
    call("cleanup")
    error(err)
  end
  return { before, call("after") }
end }`;

const calls = (project) =>
  project
    .read('calls.txt')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '));

module.exports = (test) => {
  test('what came before stays, the failed step has its attempts anew, what came later is set aside', async (t) => {
    const project = t.project();
    project.workflow('fails', FAILS);
    assert.strictEqual((await project.run('fails', ['--id', 'r'])).code, 1);
    const asked = await project.tend(['retry', 'r']);
    assert.deepStrictEqual([asked.code, asked.stdout], [0, 'r\n'], asked);
    assert.strictEqual((await project.tend(['resume', 'r'])).code, 1); // not mended: once more
    project.write('mended', '');
    await project.tend(['retry', 'r']);
    const ended = await project.tend(['resume', 'r', '--json']);
    assert.strictEqual(ended.stdout, '["before","after"]\n', ended);
    const done = calls(project);
    assert.deepStrictEqual(
      done.map(([name, attempt]) => name + attempt),
      ['before1', 'fails1', 'fails2', 'cleanup1', 'fails3', 'fails4', 'cleanup1', 'fails5', 'after1'],
    );
    const keys = (name) => new Set(done.filter((one) => one[0] === name).map((one) => one[2]));
    assert.strictEqual(keys('fails').size, 1, 'the failed step keeps its idempotency key');
    assert.strictEqual(keys('cleanup').size, 2, 'a step that was set aside has a new one');
    const { steps } = await project.show('r');
    assert.deepStrictEqual(
      steps.map(({ key, status }) => `${key} ${status}`),
      ['before completed', 'fails completed', 'cleanup set aside', 'cleanup set aside', 'after completed'],
    );
  });

  test('without a failed step it goes on from the end; through an engine that owns the home', async (t) => {
    const project = t.project();
    project.workflow(
      'plain',
      `return { run = function()
        local found = step("look", function() local f = io.open("mended") if f then f:close() end return f ~= nil end)
        sleep(0.01)
        local again = step("look", function() local f = io.open("mended") if f then f:close() end return f ~= nil end)
        if not (found or again) then error("nothing there") end
        return "fine"
      end }`,
    );
    assert.strictEqual((await project.run('plain', ['--id', 'r'])).code, 1);
    await project.serve();
    await project.tend(['retry', 'r']);
    await project.until('it to fail again', async () => {
      const { run, steps } = await project.show('r');
      return run.status === 'failed' && steps.length === 3 && /nothing there/.test(run.error.message);
    });
  });

  test('a child that failed is retried with its parent', async (t) => {
    const project = t.project();
    project.workflow('fails', FAILS);
    project.workflow('parent', 'return { run = function() return invoke("fails", {}, { id = "c" }) end }');
    assert.strictEqual((await project.run('parent', ['--id', 'p'])).code, 1);
    project.write('mended', '');
    await project.tend(['retry', 'p']);
    const ended = await project.tend(['resume', 'p', '--json']);
    assert.strictEqual(ended.stdout, '["before","after"]\n', ended);
    assert.strictEqual((await project.show('c')).run.status, 'completed');
    assert.strictEqual(calls(project).filter(([name]) => name === 'before').length, 1);
  });

  test('only a failed run can be retried', async (t) => {
    const project = t.project();
    project.workflow('ends', 'return { run = function() return 1 end }');
    await project.run('ends', ['--id', 'e']);
    const ended = await project.tend(['retry', 'e']);
    assert.strictEqual(ended.code, 2, ended);
    assert.match(ended.stderr, /run e is completed: only a failed, blocked or stuck run can be retried/);
    assert.strictEqual((await project.tend(['retry', 'nobody'])).code, 2);
  });

  test('asked for twice before an engine looks, it is done once', async (t) => {
    const project = t.project();
    project.workflow('fails', FAILS);
    await project.run('fails', ['--id', 'r']);
    await project.tend(['retry', 'r']);
    await project.tend(['retry', 'r']);
    const ended = await project.tend(['resume', 'r']);
    assert.strictEqual(ended.code, 1, ended);
    assert.doesNotMatch(ended.stderr, /journal/);
    assert.strictEqual(calls(project).filter(([name]) => name === 'fails').length, 4);
  });

  test('a blocked run is made ready as it is: nothing is set aside, nothing done again', async (t) => {
    const project = t.project();
    project.workflow(
      'forgets',
      `return { run = function()
        local remembered = false
        step("look", function() remembered = true local f <close> = io.open("looks", "a") f:write("x\\n") end)
        if remembered then sleep(1.2) end
      end }`,
    );
    assert.strictEqual((await project.run('forgets', ['--id', 'b'])).code, 4);
    assert.deepStrictEqual([(await project.tend(['retry', 'b'])).code, (await project.tend(['retry', 'b'])).code], [0, 0]);
    assert.strictEqual((await project.tend(['resume', 'b'])).code, 4);
    assert.strictEqual(project.lines('looks'), 1);
    const { steps } = await project.show('b');
    assert.deepStrictEqual(
      steps.map(({ key, status }) => `${key} ${status}`),
      ['look completed', 'sleep waiting'],
    );
  });
};
