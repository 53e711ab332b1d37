'use strict';
// continue_as: links of a run under one id, each with a journal that begins anew.

const assert = require('node:assert');

const COUNT = `return {
  input = { n = 3, seen = {} },
  run = function(input)
    local id = step("draw", function(ctx) return ctx.idempotency_key end)
    input.seen[#input.seen + 1] = id
    if input.n == 0 then return { links = #input.seen, seen = input.seen } end
    local ok = pcall(function()
      local t <close> = setmetatable({}, { __close = function() step("cleanup", function() end) end })
      local co = coroutine.wrap(function()
        pcall(continue_as, { n = input.n - 1, seen = input.seen })
      end)
      co()
    end)
    return "caught"
  end,
}`;

module.exports = (test) => {
  test('no pcall keeps it, cleanup runs, the last result counts', async (t) => {
    const project = t.project();
    project.workflow('count', COUNT);
    const ended = await project.run('count', ['--id', 'c']);
    const result = JSON.parse(ended.stdout || 'null');
    assert.strictEqual(result && result.links, 4, ended);
    assert.strictEqual(new Set(result.seen).size, 4, 'each link has keys of its own');
    const { run, steps } = await project.show('c');
    assert.strictEqual(run.status, 'completed');
    assert.deepStrictEqual(steps.map(({ key }) => key), ['draw']);
    const past = await project.show('c~1');
    assert.strictEqual(past.run.status, 'completed');
    assert.deepStrictEqual(past.steps.map(({ key }) => key), ['draw', 'cleanup']);
    assert.strictEqual(past.run.input.n, 3);
    const again = await project.run('count', ['--id', 'c']);
    assert.strictEqual(again.stdout, ended.stdout, again);
    const other = await project.run('count', ['--id', 'c', '--set', 'n=9']);
    assert.strictEqual(other.code, 2, other);
  });

  test('signals go along, and reach the newest link', async (t) => {
    const project = t.project();
    project.workflow(
      'inbox',
      `return {
        input = { got = {} },
        run = function(input)
          local word = wait_for("word")
          input.got[#input.got + 1] = word
          if word == "end" then return input.got end
          continue_as { got = input.got }
        end,
      }`,
    );
    const running = project.spawn(['run', 'inbox', '--id', 'i', '--json']);
    await project.untilStep('i', 'word', 'waiting');
    for (const word of ['a', 'b', 'c', 'end'])
      await project.tend(['signal', 'i', 'word', JSON.stringify(word)]);
    const ended = await running.ended;
    assert.strictEqual(ended.stdout, '["a","b","c","end"]\n', ended);
  });

  test('a parent gets the last result, also over kills', async (t) => {
    const project = t.project();
    project.workflow(
      'child',
      `return { input = { n = 0 }, run = function(input)
        step("work", function() io.open("work.log", "a"):write(input.n, "\\n") end)
        sleep(0.3)
        if input.n == 4 then return "four" end
        continue_as { n = input.n + 1 }
      end }`,
    );
    project.workflow('parent', 'return { run = function() return invoke("child", {}) end }');
    let ended;
    for (let i = 0; i < 4; i++) {
      const running = project.spawn(['run', 'parent', '--id', 'p', '--json']);
      await new Promise((resolve) => setTimeout(resolve, 350 + 100 * i));
      ended = await running.end('SIGKILL');
    }
    ended = await project.tend(['run', 'parent', '--id', 'p', '--json']);
    assert.strictEqual(ended.stdout, '"four"\n', ended);
  });

  test('the next link takes the sources as they are now', async (t) => {
    const project = t.project();
    project.workflow(
      'w',
      `return { input = { n = 0 }, run = function(input)
        wait_for("go")
        continue_as { n = input.n + 1 }
      end }`,
    );
    const running = project.spawn(['run', 'w', '--id', 'w', '--json']);
    await project.untilStep('w', 'go', 'waiting');
    project.workflow('w', 'return { input = { n = 0 }, run = function(input) return input.n end }');
    await project.tend(['signal', 'w', 'go']);
    const ended = await running.ended;
    assert.strictEqual(ended.stdout, '1\n', ended);
  });

  test('an input that the workflow does not take fails the run, and retry goes on', async (t) => {
    const project = t.project();
    project.workflow(
      'w',
      'return { input = { n = 0 }, run = function(input) continue_as { m = 1 } end }',
    );
    const ended = await project.run('w', ['--id', 'w']);
    assert.strictEqual(ended.code, 1, ended);
    assert.match(ended.stderr, /continue_as: w: the workflow takes no input 'm'/);
  });

  test('a cancel that comes during cleanup ends it', async (t) => {
    const project = t.project();
    project.workflow(
      'w',
      `return { run = function()
        local t <close> = setmetatable({}, { __close = function() wait_for("never") end })
        continue_as {}
      end }`,
    );
    const running = project.spawn(['run', 'w', '--id', 'w']);
    await project.untilStep('w', 'never', 'waiting');
    await project.tend(['cancel', 'w']);
    const ended = await running.ended;
    assert.strictEqual(ended.code, 3, ended);
  });
};
