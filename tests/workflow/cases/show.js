'use strict';
// tend show and runs as people read them; naming a run by a part of its id; --json of what asks.

const assert = require('node:assert');
const { onTerminal } = require('../terminal');

const ECHO = 'return { run = function(input) return input end }';

module.exports = (test) => {
  test('the timeline has attempts, values, errors and logs in their order', async (t) => {
    const project = t.project();
    project.workflow('story', `return { run = function()
      step("first", function() return { n = 1 } end)
      sleep("10ms") log.warn("between", { at = 2 }) sleep("10ms")
      step("flaky", { retry = { attempts = 2, initial = "1ms" } }, function(ctx)
        if ctx.attempt == 1 then error({ message = "not yet" }) end
        return string.rep("x", 1000)
      end)
      step("last", function() fatal("for good") end)
    end }`);
    await project.run('story', ['--id', 'story-1']);
    const { stdout, code } = await project.tend(['show', 'story-1']);
    assert.strictEqual(code, 0);
    const T = String.raw`\+[\d.]+ m?s +`;
    assert.match(stdout, /^run {7}story-1\nworkflow {2}story\nstatus {4}failed\nwhy .*for good\n/);
    assert.match(
      stdout,
      new RegExp(
        `steps\n  ${T}completed  first \\(step\\)  .*\n +\= \\{"n":1\\}\n  ${T}completed  sleep .*\n(?:  ${T}warn +between\n +\\{"at":2\\}\n|  ${T}completed  sleep#2 .*\n){2}` +
          `  ${T}completed  flaky \\(step\\) .*\n +attempt 1 failed at ${T.trimEnd().replace(/ \+$/, '')}: not yet\n` +
          ` +attempt 2 completed at .*\n +\= "x{158}…\n  ${T}failed     last \\(step\\) .*\n +! .*for good\n`,
      ),
    );
    assert.doesNotMatch(stdout, /\x1b/);
    const shown = onTerminal(project, ['show', 'story-1']);
    await shown.ended;
    assert.match(shown.frames.map((frame) => frame.text).join(''), /\x1b\[31mfailed/);
  });

  test('why a run waits is said, and how to let it go on', async (t) => {
    const project = t.project();
    project.workflow('waits', 'return { run = function() return wait_for("go") end }');
    const server = await project.serve();
    const run = project.spawn(['run', 'waits', '--id', 'waits-1']);
    await project.untilStep('waits-1', 'go', 'waiting');
    await project.until('the wait', async () => (await project.show('waits-1')).run.waits_for);
    const { stdout } = await project.tend(['show', 'waits-1']);
    assert.match(stdout, /why {7}waiting for the signal 'go'; `tend signal waits-1 go/);
    assert.match(stdout, /waiting {4}go \(wait_for\)\n/);
    await project.tend(['signal', 'waits-1', 'go']);
    assert.strictEqual((await run.ended).code, 0);
    await server.end('SIGTERM');
  });

  test('what was under way when a run was cancelled is shown as cancelled', async (t) => {
    const project = t.project();
    project.workflow('long', `return { run = function()
      parallel { a = function() sleep("1h") end, b = function() exec { cmd = "sleep", args = { "100" } } end }
    end }`);
    const server = await project.serve();
    const run = project.spawn(['run', 'long', '--id', 'long-1']);
    await project.untilStep('long-1', 'parallel/b/sleep', 'running');
    await project.tend(['cancel', 'long-1']);
    assert.strictEqual((await run.ended).code, 3);
    const { steps } = await project.show('long-1');
    assert.deepStrictEqual(
      steps.filter((step) => step.key !== 'parallel').map((step) => [step.key, step.status]),
      [
        ['parallel/a/sleep', 'cancelled'],
        ['parallel/b/sleep', 'cancelled'],
      ],
    );
    await server.end('SIGTERM');
  });

  test('runs come in pages, and on a terminal as a table', async (t) => {
    const project = t.project();
    project.workflow('echo', ECHO);
    project.workflow('other', ECHO);
    for (let i = 1; i <= 5; i++) await project.run('echo', ['--id', `run-${i}`]);
    await project.run('other', ['--id', 'other-1']);
    const ids = async (...args) => (await project.runs(args)).map((run) => run.id);
    assert.deepStrictEqual(await ids('--limit', '2'), ['other-1', 'run-5']);
    assert.deepStrictEqual(await ids('--limit', '2', '--before', 'run-5'), ['run-4', 'run-3']);
    assert.deepStrictEqual(await ids('--before', 'run-3', '--workflow', 'echo'), ['run-2', 'run-1']);
    assert.deepStrictEqual(await ids('--before', 'run-1'), []);
    assert.deepStrictEqual(await ids('--status', 'failed'), []);
    const table = onTerminal(project, ['runs', '--limit', '2'], { columns: 120 });
    await table.ended;
    const lines = table.screen.text.split('\n');
    assert.match(lines[0], /^RUN +STATUS +BEGUN +TOOK +WORKFLOW +WHY$/);
    assert.match(lines[1], /^other-1 +completed +[\d.]+ m?s ago +[\d.]+ m?s +other$/);
    assert.match(lines[3], /^older ones: tend runs --before run-5/);
    for (const args of [['--limit', 'x'], ['--limit', '-1'], ['--before', 'none-such'], ['--status', 'odd']])
      assert.strictEqual((await project.tend(['runs', ...args])).code, 2, args);
  });

  test('a run is found by an end of its id, wherever a run is named', async (t) => {
    const project = t.project();
    project.workflow('echo', ECHO);
    project.workflow('fails', 'return { run = function() error("x") end }');
    project.workflow('waits', 'return { run = function() return wait_for("go", { timeout = "1h" }) end }');
    await project.run('echo', ['--id', 'abcdef-one-12345678']);
    await project.run('fails', ['--id', 'abcdef-two-87654321']);
    const waiting = project.spawn(['run', 'waits', '--id', 'qwerty-three-11112222']);
    await project.untilStep('qwerty-three-11112222', 'go', 'waiting');
    await waiting.end('SIGKILL');

    assert.strictEqual((await project.show('12345678')).run.id, 'abcdef-one-12345678');
    assert.strictEqual((await project.show('abcdef-o')).run.id, 'abcdef-one-12345678');
    const retried = await project.tend(['retry', '87654321', '--json']);
    assert.deepStrictEqual(retried.json, { run: 'abcdef-two-87654321', is_waiting: true }, retried);
    const signalled = await project.tend(['signal', 'qwerty', 'go', '5', '--json']);
    assert.deepStrictEqual(signalled.json, { run: 'qwerty-three-11112222', is_waiting: true }, signalled);
    const resumed = await project.tend(['resume', '11112222', '--json']);
    assert.strictEqual(resumed.stdout, '5\n', resumed);
    const again = await project.tend(['cancel', '87654321', '--json']);
    assert.ok([0, 2].includes(again.code) && /abcdef-two-87654321/.test(again.stdout + again.stderr), again);
  });

  test('a part that several runs have, or none, is an error that says which there are', async (t) => {
    const project = t.project();
    project.workflow('echo', ECHO);
    for (const id of ['abcdef-one-12345678', 'abcdef-two-12345678']) await project.run('echo', ['--id', id]);
    for (const command of [['show'], ['cancel'], ['retry'], ['resume'], ['signal']]) {
      const rest = command[0] === 'signal' ? ['name'] : [];
      const said = async (id) => {
        const ended = await project.tend([...command, id, ...rest]);
        assert.strictEqual(ended.code, 2, ended);
        return ended.stderr;
      };
      assert.match(
        await said('abcdef'),
        /2 runs begin or end with abcdef; give more of the id:\n {2}abcdef-two-12345678 {2}completed {2}echo\n {2}abcdef-one-/,
      );
      assert.match(await said('abcdef-on-12345678'), /no run abcdef-on-12345678; did you mean abcdef-one-12345678\?/);
      assert.match(await said('nothing-alike'), /no run nothing-alike; `tend runs` lists them/);
      assert.match(await said('678'), /no run 678;/); // too short to be a part
    }
  });

  test('an earlier link of continue_as is no second candidate', async (t) => {
    const project = t.project();
    project.workflow('links', `return { input = { n = 0 }, run = function(input)
      if input.n < 2 then continue_as({ n = input.n + 1 }) end
      return input.n
    end }`);
    await project.run('links', ['--id', 'linked-run-0001']);
    assert.strictEqual((await project.show('linked')).run.id, 'linked-run-0001');
    assert.strictEqual((await project.show('linked-run-0001~1')).run.id, 'linked-run-0001~1');
  });
};
