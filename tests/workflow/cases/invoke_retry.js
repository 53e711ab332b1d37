'use strict';
// invoke with `retry`: a new attempt retries the child that failed, instead of joining its failure.

const assert = require('node:assert');

// Its first step is done once; the second fails until it was called input.good times. Calls are lines.
const CHILD = `return { run = function(input)
  local function note(name)
    local file <close> = assert(io.open("calls.txt", "a"))
    file:write(name, "\\n")
  end
  local function count(name)
    local n = 0
    for line in io.lines("calls.txt") do if line == name then n = n + 1 end end
    return n
  end
  step("before", function() note("before") end)
  return step("fails", { retry = false }, function(ctx)
    note("fails")
    if count("fails") < input.good then
      if input.fatal then fatal("for good") end
      error("not yet")
    end
    return ctx.attempt
  end)
end }`;

const parent = (options, input = '{ good = 3 }') => `return { run = function()
  local ok, result = pcall(invoke, "child", ${input}, ${options})
  if ok then return result end
  return { message = result.message, kind = result.kind, attempt = result.attempt, retryable = result.retryable }
end }`;

const calls = (project) => project.read('calls.txt').trim().split('\n');

function projectWith(t, options, input) {
  const project = t.project();
  project.workflow('child', CHILD);
  project.workflow('parent', parent(options, input));
  return project;
}

module.exports = (test) => {
  test('the child goes on from its failed step, until it succeeds', async (t) => {
    const project = projectWith(t, '{ id = "c", retry = { attempts = 5, initial = "1ms" } }');
    const ended = await project.run('parent', ['--id', 'p']);
    assert.strictEqual(ended.stdout, '3\n', ended);
    assert.deepStrictEqual(calls(project), ['before', 'fails', 'fails', 'fails']);
    assert.strictEqual((await project.runs()).length, 2, 'it is the same child');
    assert.strictEqual((await project.show('c')).run.status, 'completed');
    const { steps } = await project.show('p');
    assert.deepStrictEqual(
      steps.map(({ key, status, attempts }) => [key, status, attempts.length]),
      [['child', 'completed', 3]],
    );
  });

  test('no attempt is left: the error says which it was', async (t) => {
    const project = projectWith(t, '{ retry = { attempts = 2, initial = "1ms" } }');
    const { json } = await project.run('parent');
    assert.deepStrictEqual([json.kind, json.attempt], ['child', 2]);
    assert.match(json.message, /^child \(run .*\) failed: .*not yet/);
    assert.deepStrictEqual(calls(project), ['before', 'fails', 'fails']);
  });

  test('only if asked, and not where its error says that it makes no sense', async (t) => {
    const once = projectWith(t, '{}');
    assert.strictEqual((await once.run('parent')).json.attempt, 1);
    assert.deepStrictEqual(calls(once), ['before', 'fails']);
    const fatal = projectWith(t, '{ retry = true }', '{ good = 3, fatal = true }');
    const { json } = await fatal.run('parent');
    assert.deepStrictEqual([json.attempt, json.retryable], [1, false]);
    assert.deepStrictEqual(calls(fatal), ['before', 'fails']);
  });

  test('a kill between two attempts, and one during the second, lose nothing', async (t) => {
    const project = projectWith(t, '{ id = "c", retry = { attempts = 4, initial = "1500ms", backoff = "constant", jitter = false } }');
    const first = project.spawn(['run', 'parent', '--id', 'p']);
    await project.until('the wait for the retry', async () => {
      const shown = await project.tend(['show', 'p', '--json']);
      return shown.code === 0 && /try 'child' again/.test(shown.json.run.waits_for);
    });
    await first.end('SIGKILL');
    const second = project.spawn(['resume', 'p']);
    await project.until('the second attempt', () => project.lines('calls.txt') === 3);
    await second.end('SIGKILL');
    const ended = await project.tend(['resume', 'p', '--json']);
    assert.strictEqual(ended.code, 0, ended);
    const done = calls(project);
    assert.strictEqual(done.filter((name) => name === 'before').length, 1);
    assert.strictEqual((await project.show('c')).run.status, 'completed');
  });

  test('a retry of the parent retries the child once more', async (t) => {
    const project = projectWith(t, '{}');
    project.workflow('parent', 'return { run = function() return invoke("child", { good = 4 }, { retry = { attempts = 2, initial = "1ms" } }) end }');
    assert.strictEqual((await project.run('parent', ['--id', 'p'])).code, 1);
    assert.strictEqual(project.lines('calls.txt'), 3);
    await project.tend(['retry', 'p']);
    const ended = await project.tend(['resume', 'p', '--json']);
    assert.strictEqual(ended.code, 0, ended);
    assert.deepStrictEqual(calls(project), ['before', 'fails', 'fails', 'fails', 'fails']);
  });

  test('two parents that share a failed child retry it together', async (t) => {
    const project = t.project();
    project.workflow('child', CHILD);
    const options = '{ id = "c", retry = { attempts = 6, initial = "1ms", jitter = false } }';
    project.workflow('one', `return { run = function() return invoke("child", { good = 4 }, ${options}) end }`);
    project.workflow(
      'both',
      `return { run = function()
        return parallel { invoke_of("one"), invoke_of("one") }
      end }`.replace(/invoke_of\("one"\)/g, (text, at) => `function() return invoke("one", { at = ${at} }) end`),
    );
    const ended = await project.run('both');
    assert.strictEqual(ended.code, 0, ended);
    assert.strictEqual(calls(project).filter((name) => name === 'before').length, 1);
  });

  test('a child that goes on as another link after its retry answers with that', async (t) => {
    const project = t.project();
    project.workflow('child', CHILD.replace('return ctx.attempt', 'return nil').replace('return step("fails"', 'step("fails"').replace('  end)\nend }', '  end)\n  if not input.again then continue_as({ good = 0, again = true }) end\n  return "second link"\nend }'));
    project.workflow('parent', parent('{ id = "c", retry = { attempts = 5, initial = "1ms" } }'));
    const ended = await project.run('parent');
    assert.strictEqual(ended.stdout, '"second link"\n', ended);
  });
};
