'use strict';
// Retries that outlive the process: recorded attempts, durable waits.

const assert = require('node:assert');

module.exports = (test) => {
  test('a long wait for the next attempt is durable and keeps the count', async (t) => {
    const project = t.project();
    project.workflow(
      'flaky',
      `return { run = function()
        return step("s", { retry = { attempts = 3, initial = 1.4, backoff = "constant", jitter = false } },
          function(ctx)
            local file <close> = io.open("calls.txt", "a")
            file:write(ctx.attempt, " ", ctx.idempotency_key, "\\n")
            if ctx.attempt < 2 then error("not yet") end
            return ctx.attempt
          end)
      end }`,
    );
    const running = project.spawn(['run', 'flaky', '--id', 'f']);
    await project.until('it to wait', async () => {
      const ended = await project.tend(['show', 'f', '--json']);
      return ended.code === 0 && ended.json.run.status === 'waiting' && ended.json;
    });
    const { run } = await project.show('f');
    assert.match(run.waits_for, /waiting to try 's' again at/);
    await running.end();
    const ended = await project.tend(['resume', 'f', '--json']);
    assert.strictEqual(ended.stdout, '2\n', ended);
    const calls = project.read('calls.txt').trim().split('\n');
    assert.deepStrictEqual(
      calls.map((line) => line.split(' ')[0]),
      ['1', '2'],
    );
    assert.strictEqual(calls[0].split(' ')[1], calls[1].split(' ')[1]);
  });

  test('an attempt that a crash cut off is counted and uses up no retry', async (t) => {
    const project = t.project();
    project.workflow(
      'cut',
      `return { run = function()
        return step("s", { retry = false }, function(ctx)
          local file = io.open("calls.txt", "a")
          file:write("x\\n")
          file:close()
          if ctx.attempt == 1 then exec { cmd = "sleep", args = { "20" } } end
          return ctx.attempt
        end)
      end }`,
    );
    const running = project.spawn(['run', 'cut', '--id', 'c']);
    await project.until('the attempt', () => project.exists('calls.txt'));
    await running.end();
    const ended = await project.tend(['resume', 'c', '--json']);
    assert.strictEqual(ended.stdout, '2\n', ended);
    assert.strictEqual(project.lines('calls.txt'), 2);
  });

  test('deadlines go on while tend is down', async (t) => {
    const project = t.project();
    project.workflow(
      'late',
      `return { run = function()
        local ok, err = pcall(step, "s", { deadline = "1500ms", retry = { initial = 3, jitter = false } },
          function() error("no") end)
        return { ok, err.kind }
      end }`,
    );
    const running = project.spawn(['run', 'late', '--id', 'l']);
    await project.untilStep('l', 's', 'waiting');
    await running.end();
    await new Promise((resolve) => setTimeout(resolve, 1600));
    const ended = await project.tend(['resume', 'l', '--json']);
    assert.strictEqual(ended.stdout, '[false,"deadline"]\n', ended);
    assert.strictEqual(
      (await project.show('l')).steps[0].attempts.filter((a) => a.status === 'failed').length >= 1,
      true,
    );
  });
};
