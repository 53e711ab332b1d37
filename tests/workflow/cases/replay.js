'use strict';
// Replay: a run keeps its sources, and one that asks for something else is blocked.

const assert = require('node:assert');

const NAP = (value) => `local words = require("words")
return { run = function()
  local before = step("before", function() return "${value}" end)
  sleep(1.4)
  return { before, step("after", function() return "${value}" end), words.said }
end }`;

/** Starts it, and calls `meanwhile` once it sleeps. */
async function duringTheNap(project, meanwhile) {
  project.workflow('naps', NAP('old'));
  project.workflow('words', 'return { said = "old", run = function() end }');
  const running = project.spawn(['run', 'naps', '--id', 'n', '--json']);
  await project.untilStep('n', 'sleep', 'waiting');
  return meanwhile(running);
}

const OLD = '["old","old","old"]\n';

module.exports = (test) => {
  test('a run in flight keeps its sources when they are edited', async (t) => {
    const project = t.project();
    const ended = await duringTheNap(project, (running) => {
      project.workflow('naps', NAP('new'));
      project.workflow('words', 'return { said = "new" }');
      return running.ended;
    });
    assert.strictEqual(ended.stdout, OLD, ended);
  });

  test('a run in flight keeps its sources when they are deleted, also after a kill', async (t) => {
    const project = t.project();
    const fs = require('node:fs');
    const ended = await duringTheNap(project, async (running) => {
      await running.end();
      fs.rmSync(project.path('workflows'), { recursive: true });
      return project.tend(['resume', 'n', '--json']);
    });
    assert.strictEqual(ended.stdout, OLD, ended);
  });

  test('an edited file is taken by new runs at once', async (t) => {
    const project = t.project();
    await duringTheNap(project, (running) => running.end());
    project.workflow('naps', 'return { run = function() return "new" end }');
    assert.strictEqual((await project.run('naps')).stdout, '"new"\n');
    assert.strictEqual((await project.tend(['resume', 'n', '--json'])).stdout, OLD);
  });

  // What a step writes to a local outside is lost on replay: the way to make code that asks for
  // something else the second time.
  const forgetful = (rest) => `return { run = function()
  local remembered = false
  step("look", function() remembered = true end)
  ${rest}
end }`;

  const blocked = async (t, source, messages) => {
    const project = t.project();
    project.workflow('forgets', source);
    const ended = await project.run('forgets', ['--id', 'f']);
    assert.deepStrictEqual([ended.code, ended.stdout], [4, ''], ended);
    for (const message of messages) assert.match(ended.stderr, message);
    const { run, steps } = await project.show('f');
    assert.strictEqual(run.status, 'blocked');
    for (const message of messages) assert.match(run.waits_for, message);
    const again = await project.run('forgets', ['--id', 'f']);
    assert.strictEqual(again.code, 4, again);
    return { project, steps };
  };

  test('another step than the recorded one blocks, naming both and the line', async (t) => {
    const { project, steps } = await blocked(
      t,
      forgetful(`if remembered then step("first", function() end) else
    step("second", function() io.open("touched", "w"):close() end)
  end
  sleep(1.2)`),
      [/forgets\.lua:5/, /step 'second'/, /step 'first'/],
    );
    assert.ok(!project.exists('touched'), 'nothing is executed');
    assert.deepStrictEqual(
      steps.map(({ key }) => key),
      ['look', 'first', 'sleep'],
    );
  });

  test('ending without asking for what is recorded blocks', async (t) => {
    await blocked(t, forgetful('if remembered then sleep(1.2) end'), [/sleep 'sleep'/]);
  });

  test('failing without asking for what is recorded blocks', async (t) => {
    await blocked(t, forgetful('if remembered then sleep(1.2) else error("other") end'), [
      /without asking for/,
    ]);
  });

  test('the same name for another kind blocks', async (t) => {
    await blocked(
      t,
      forgetful('if remembered then sleep(1.2, { name = "x" }) else step("x", function() end) end'),
      [/forgets\.lua:4/, /step 'x'/, /a sleep of that name/],
    );
  });

  test('a branch that asks for something else blocks', async (t) => {
    await blocked(
      t,
      forgetful(`parallel({ left = function()
      if remembered then step("a", function() end) else step("b", function() end) end
      sleep(1.2)
    end, right = function() sleep(1.2) end })`),
      [/step 'parallel\/left\/b'/, /'parallel\/left\/a'/],
    );
  });

  test('steps may come in another order', async (t) => {
    const project = t.project();
    project.workflow(
      'swaps',
      forgetful(`local function one() return step("one", function() return 1 end) end
  local function two() return step("two", function() return 2 end) end
  local a, b
  if remembered then a = one() b = two() else b = two() a = one() end
  sleep(1.2)
  return { a, b }`),
    );
    const ended = await project.run('swaps');
    assert.strictEqual(ended.stdout, '[1,2]\n', ended);
  });

  test('a caught failure is caught again on replay, without running', async (t) => {
    const project = t.project();
    project.workflow(
      'catches',
      `return { run = function()
        local ok, err = pcall(step, "fails", { retry = false }, function()
          local file <close> = io.open("calls.txt", "a")
          file:write("x\\n")
          error({ message = "caught", detail = { 1 } })
        end)
        sleep(1.2)
        return { ok, err.message, err.detail, tostring(err) }
      end }`,
    );
    const ended = await project.run('catches');
    assert.strictEqual(ended.stdout, '[false,"caught",[1],"caught"]\n', ended);
    assert.strictEqual(project.lines('calls.txt'), 1);
  });

  test('settings stay as they were accepted; a step sees those of now', async (t) => {
    const project = t.project();
    project.workflow(
      'looks',
      `return { run = function()
        sleep(1.3)
        return { settings.model, step("now", function() return settings.model end) }
      end }`,
    );
    const running = project.spawn(['run', 'looks', '--id', 'l'], { env: { TEND_MODEL: 'a/old' } });
    await project.untilStep('l', 'sleep', 'waiting');
    await running.end();
    const ended = await project.tend(['resume', 'l', '--json'], { env: { TEND_MODEL: 'a/new' } });
    assert.strictEqual(ended.stdout, '["a/old","a/new"]\n', ended);
  });

  test('a run that waits for a blocked child is told so, and tend run ends with 4', async (t) => {
    const project = t.project();
    project.workflow('child', forgetful('if remembered then sleep(1.2) end'));
    project.workflow('parent', 'return { run = function() return invoke("child", {}) end }');
    const ended = await project.run('parent', ['--id', 'p']);
    assert.strictEqual(ended.code, 4, ended);
    assert.match(ended.stderr, /run p waiting for the run that 'child' invoked to end/);
    assert.match(ended.stderr, /blocked +child .*sleep 'sleep'/);
  });
};
