'use strict';
// wait_for and `tend signal`: what a person or another program hands to a run.

const assert = require('node:assert');

const WAITS = `return {
  input = { timeout = "1h" },
  run = function(input)
    return { got = wait_for("approval", { timeout = input.timeout }) }
  end,
}`;

module.exports = (test) => {
  test('a signal reaches a run that waits, through the engine that owns the home', async (t) => {
    const project = t.project();
    project.workflow('waits', WAITS);
    await project.serve();
    const running = project.spawn(['run', 'waits', '--id', 'w', '--json']);
    await project.until('the run to wait', async () => {
      const [run] = await project.runs();
      return run && run.status === 'waiting' && /waiting for the signal 'approval'/.test(run.waits_for);
    });
    const sent = await project.tend(['signal', 'w', 'approval', '{"by":"rita","n":[]}']);
    assert.strictEqual(sent.code, 0, sent);
    assert.strictEqual((await running.ended).stdout, '{"got":{"by":"rita","n":[]}}\n');
  });

  test('signals queue in order, also before they are waited for, and survive a kill', async (t) => {
    const project = t.project();
    project.workflow(
      'three',
      'return { run = function() local got = {} for i = 1, 3 do got[i] = wait_for("s") end return got end }',
    );
    const running = project.spawn(['run', 'three', '--id', 'w']);
    await project.untilStep('w', 's', 'waiting');
    await running.end();
    for (const payload of ['1', 'null', '"three"'])
      assert.strictEqual((await project.tend(['signal', 'w', 's', payload])).code, 0);
    const ended = await project.tend(['resume', 'w', '--json']);
    assert.strictEqual(ended.stdout, '[1,null,"three"]\n', ended);
  });

  test('each signal is taken once: the oldest waiter gets the oldest', async (t) => {
    const project = t.project();
    project.workflow(
      'two',
      `return { run = function()
        return parallel {
          b = function() sleep(0.05) return wait_for("s") end,
          c = function() return wait_for("s") end,
        }
      end }`,
    );
    const running = project.spawn(['run', 'two', '--id', 'w', '--json']);
    await project.untilStep('w', 'parallel/b/s', 'waiting');
    await running.end();
    await project.tend(['signal', 'w', 's', '1']);
    await project.tend(['signal', 'w', 's', '2']);
    const ended = await project.tend(['resume', 'w', '--json']);
    assert.strictEqual(ended.stdout, '{"b":2,"c":1}\n', ended);
  });

  test('without JSON the payload is true; after the timeout it is nil', async (t) => {
    const project = t.project();
    project.workflow('waits', WAITS);
    const late = await project.run('waits', ['--set', 'timeout=100ms']);
    assert.strictEqual(late.stdout, '{}\n', late);
    const running = project.spawn(['run', 'waits', '--id', 'w']);
    await project.untilStep('w', 'approval', 'waiting');
    await running.end();
    await project.tend(['signal', 'w', 'approval']);
    assert.strictEqual((await project.tend(['resume', 'w', '--json'])).stdout, '{"got":true}\n');
  });

  test('what is queued is not seen by state.list, and is gone once taken', async (t) => {
    const project = t.project();
    project.workflow(
      'looks',
      'return { run = function() wait_for("s") return state.list("") end }',
    );
    const running = project.spawn(['run', 'looks', '--id', 'w']);
    await project.untilStep('w', 's', 'waiting');
    await running.end();
    await project.tend(['signal', 'w', 's']);
    await project.tend(['signal', 'w', 'other']);
    assert.strictEqual((await project.tend(['resume', 'w', '--json'])).stdout, '[]\n');
  });

  test('a signal to no run, to an ended one, or with wrong JSON is an error', async (t) => {
    const project = t.project();
    project.workflow('ends', 'return { run = function() return 1 end }');
    await project.run('ends', ['--id', 'e']);
    for (const [args, says] of [
      [['nobody', 's'], /no run nobody/],
      [['e', 's'], /run e is completed: it takes no more signals/],
      [['e', 's', '{'], /the payload: not JSON/],
      [['e', ''], /a signal's name has 1 to 200 bytes/],
      [['e'], /give RUN and NAME/],
    ]) {
      const ended = await project.tend(['signal', ...args]);
      assert.strictEqual(ended.code, 2, ended);
      assert.match(ended.stderr, says);
    }
  });
};
