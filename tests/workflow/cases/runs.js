'use strict';
// tend run, resume, runs, show: ids, inputs, exit codes, what is printed.

const assert = require('node:assert');

// Appends a line to `calls.txt` each time that its step's function really runs.
const COUNTED = `return {
  run = function(input)
    return step("count", function()
      local file <close> = assert(io.open("calls.txt", "a"))
      file:write("called\\n")
      return { n = input.n or 0 }
    end)
  end,
}`;

module.exports = (test) => {
  test('the same id again prints the recorded result and runs nothing', async (t) => {
    const project = t.project();
    project.workflow('counted', COUNTED);
    const first = await project.run('counted', ['--id', 'x-1', '--set', 'n=5']);
    const second = await project.run('counted', ['--id', 'x-1', '--input', '{"n": 5}']);
    assert.deepStrictEqual([first.code, first.stdout], [0, '{"n":5}\n'], first);
    assert.deepStrictEqual([second.code, second.stdout], [0, '{"n":5}\n'], second);
    assert.strictEqual(project.lines('calls.txt'), 1);
    assert.strictEqual((await project.runs()).length, 1);
  });

  test('an id of another workflow or input is an error', async (t) => {
    const project = t.project();
    project.workflow('counted', COUNTED);
    project.workflow('other', COUNTED);
    await project.run('counted', ['--id', 'x-1']);
    for (const [target, ...args] of [['counted', '--set', 'n=1'], ['other']]) {
      const ended = await project.run(target, ['--id', 'x-1', ...args]);
      assert.strictEqual(ended.code, 2, ended);
      assert.match(ended.stderr, /the id x-1 belongs to a run of another workflow or input/);
    }
    assert.strictEqual(project.lines('calls.txt'), 1);
  });

  test('an id that can not be one is refused', async (t) => {
    const project = t.project();
    project.workflow('counted', COUNTED);
    for (const id of ['', 'a b', 'ä', 'x'.repeat(129), '../x']) {
      const ended = await project.run('counted', ['--id', id]);
      assert.strictEqual(ended.code, 2, ended);
      assert.match(ended.stderr, /is no run id/);
    }
    assert.strictEqual((await project.run('counted', ['--id', 'x'.repeat(128)])).code, 0);
  });

  test('the same id of a failed run fails again without running', async (t) => {
    const project = t.project();
    project.workflow('fails', 'return { run = function() error("for good") end }');
    for (let i = 0; i < 2; i++) {
      const ended = await project.run('fails', ['--id', 'f']);
      assert.deepStrictEqual([ended.code, ended.stdout], [1, ''], ended);
      assert.match(ended.stderr, /fails\.lua:1: for good/);
    }
  });

  test('the input comes from a file or from standard input', async (t) => {
    const project = t.project();
    project.workflow('echo', 'return { run = function(input) return input end }');
    project.write('input.json', '{"from": "file"}\n');
    const file = await project.run('echo', ['--input', '@input.json']);
    const stdin = await project.run('echo', ['--input', '-'], { input: '{"from": "stdin"}' });
    assert.strictEqual(file.stdout, '{"from":"file"}\n', file);
    assert.strictEqual(stdin.stdout, '{"from":"stdin"}\n', stdin);
  });

  test('wrong use is exit 2 with what to do, and makes no run', async (t) => {
    const project = t.project();
    project.workflow('echo', 'return { run = function(input) return input end }');
    project.workflow('broken', 'return {\n  run = function( end\n}');
    project.workflow('none', 'return { nothing = true }');
    const wrong = [
      [['run'], /TARGET is missing/],
      [['run', 'no-such'], /no workflow 'no-such'/],
      [['run', './no/such.lua'], /no such file/],
      [['run', 'echo', '--input', '{"a":'], /--input: .*line 1/],
      [['run', 'echo', '--input', '@none.json'], /none\.json/],
      [['run', 'echo', '--set', 'novalue'], /--set wants KEY=VALUE/],
      [['run', 'echo', '--no-such-option'], /no-such-option/],
      [['run', 'broken'], /broken\.lua:2:/],
      [['run', 'none'], /none\.lua: is no workflow/],
      [['frobnicate'], /no command 'frobnicate'/],
      [['show', 'none'], /none/],
      [['resume', 'none'], /none/],
      [['runs', '--status', 'odd'], /'odd' is no status/],
    ];
    for (const [args, message] of wrong) {
      const ended = await project.tend(args);
      assert.strictEqual(ended.code, 2, `${args.join(' ')}: ${ended}`);
      assert.match(ended.stderr, message, args.join(' '));
      assert.strictEqual(ended.stdout, '', args.join(' '));
    }
    await project.run('echo');
    assert.strictEqual((await project.runs()).length, 1);
  });

  test('help is there for every command', async (t) => {
    const project = t.project();
    for (const command of ['run', 'resume', 'runs', 'show', 'serve', 'check', 'version']) {
      const ended = await project.tend([command, '--help']);
      assert.strictEqual(ended.code, 0, ended);
      assert.match(ended.stdout, new RegExp(`usage: tend ${command}`));
    }
    assert.match((await project.tend(['--help'])).stdout, /commands:/);
    assert.match((await project.tend(['version'])).stdout, /^tend \d+\.\d+\.\d+\n$/);
  });

  test('show tells the run and its steps, times in RFC 3339', async (t) => {
    const project = t.project();
    project.workflow(
      'story',
      `return { run = function(input)
        pcall(step, "flaky", { retry = { attempts = 2, initial = 0.001 } }, function() error("no") end)
        sleep(0.01, { name = "nap" })
        log.warn("a line", { n = 1 })
        return { done = true, got = input }
      end }`,
    );
    await project.run('story', ['--id', 's', '--input', '{"a": 1}']);
    const { run, steps, logs } = await project.show('s');
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
    assert.deepStrictEqual(
      [run.id, run.workflow, run.status, run.input, run.result, run.error, run.waits_for],
      ['s', 'story', 'completed', { a: 1 }, { done: true, got: { a: 1 } }, null, null],
    );
    assert.match(run.created_at, time);
    assert.match(run.ended_at, time);
    assert.deepStrictEqual(
      steps.map(({ key, name, kind, status }) => [key, name, kind, status]),
      [
        ['flaky', 'flaky', 'step', 'failed'],
        ['nap', 'nap', 'sleep', 'completed'],
      ],
    );
    assert.deepStrictEqual(
      steps[0].attempts.map(({ attempt, status }) => [attempt, status]),
      [
        [1, 'failed'],
        [2, 'failed'],
      ],
    );
    assert.match(steps[0].error.message, /no$/);
    assert.match(steps[1].started_at, time);
    assert.ok(steps[1].duration_ms >= 10 && steps[1].duration_ms < 5000);
    assert.deepStrictEqual(
      [logs[0].level, logs[0].message, logs[0].fields],
      ['warn', 'a line', { n: 1 }],
    );
  });

  test('runs lists the newest first and by status and workflow', async (t) => {
    const project = t.project();
    project.workflow('good', 'return { run = function() end }');
    project.workflow('bad', 'return { run = function() error("x") end }');
    for (const name of ['good', 'bad', 'good']) await project.run(name);
    const ids = async (...args) =>
      (await project.runs(args)).map(({ workflow, status }) => `${workflow} ${status}`);
    assert.deepStrictEqual(await ids(), ['good completed', 'bad failed', 'good completed']);
    assert.deepStrictEqual(await ids('--status', 'failed'), ['bad failed']);
    assert.deepStrictEqual(await ids('--workflow', 'good', '--limit', '1'), ['good completed']);
    const plain = await project.tend(['runs']);
    assert.strictEqual(plain.stdout.trim().split('\n').length, 3);
  });

  test('without --json the result is printed for people, progress on stderr', async (t) => {
    const project = t.project();
    project.workflow('echo', 'return { run = function(i) step("s", function() end) return i end }');
    const ended = await project.tend(['run', 'echo', '--set', 'a=1']);
    assert.deepStrictEqual(ended.json, { a: 1 });
    assert.match(ended.stderr, /done +s \(step\)/);
    const quiet = await project.tend(['run', 'echo', '--quiet']);
    assert.strictEqual(quiet.stderr, '');
  });

  test('Ctrl-C is exit 130 with the hint; the run stays and goes on', async (t) => {
    const project = t.project();
    project.workflow('naps', 'return { run = function() sleep(0.8) return "rested" end }');
    const running = project.spawn(['run', 'naps', '--id', 'n', '--json']);
    await project.untilStep('n', 'sleep', 'waiting');
    const interrupted = await running.end('SIGINT');
    assert.deepStrictEqual([interrupted.code, interrupted.stdout], [130, ''], interrupted);
    assert.match(interrupted.stderr, /tend resume n/);
    const ended = await project.tend(['resume', 'n', '--json']);
    assert.deepStrictEqual([ended.code, ended.stdout], [0, '"rested"\n'], ended);
    const again = await project.tend(['resume', 'n', '--json']);
    assert.deepStrictEqual([again.code, again.stdout], [0, '"rested"\n'], again);
  });

  test('resume --all goes on with everything that is unfinished', async (t) => {
    const project = t.project();
    project.workflow('naps', 'return { run = function(i) sleep(0.6) return i.n end }');
    for (const n of [1, 2]) {
      const running = project.spawn(['run', 'naps', '--id', `n${n}`, '--set', `n=${n}`]);
      await project.untilStep(`n${n}`, 'sleep', 'waiting');
      await running.end();
    }
    const ended = await project.tend(['resume', '--all']);
    assert.strictEqual(ended.code, 0, ended);
    for (const n of [1, 2]) assert.strictEqual((await project.show(`n${n}`)).run.result, n);
  });

  test('logs are silent during replay and stand once', async (t) => {
    const project = t.project();
    project.workflow(
      'talks',
      `return { run = function()
        log.info("before")
        print("printed", 1)
        sleep(1.2)
        log.error("after")
      end }`,
    );
    const ended = await project.run('talks', ['--id', 't']);
    const { logs } = await project.show('t');
    assert.deepStrictEqual(
      logs.map(({ level, message }) => `${level} ${message}`),
      ['info before', 'info printed\t1', 'error after'],
    );
    assert.strictEqual(ended.stderr.match(/before/g).length, 1, ended);
  });

  test('a relative home is made where it was asked for', async (t) => {
    const project = t.project();
    project.workflow('good', 'return { run = function() return 1 end }');
    const ended = await project.tend(['run', 'good', '--json', '--home', 'deep/er']);
    assert.strictEqual(ended.code, 0, ended);
    assert.ok(project.exists('deep/er'));
    const missing = await project.tend(['runs', '--home', 'nowhere']);
    assert.strictEqual(missing.code, 2, missing);
    assert.match(missing.stderr, /nowhere/);
  });
};
