'use strict';
// tend schedules, and what serve does by the clock: lists, pauses, backfills, reads files again, tells
// a service manager, and is killed.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');

const EVERY = 'return { schedule = { every = "1s" }, run = function() return 1 end }';

async function list(project) {
  const ended = await project.tend(['schedules', '--json']);
  if (ended.code !== 0) throw new Error(`schedules: ${ended}`);
  const lines = ended.stdout.split('\n').filter(Boolean);
  return Object.fromEntries(lines.map((line) => [JSON.parse(line).name, JSON.parse(line)]));
}

/** Until the schedule's object fulfils it. */
function until(project, name, what, wanted) {
  return project.until(what, async () => {
    const schedule = (await list(project))[name];
    return schedule && wanted(schedule) && schedule;
  });
}

module.exports = (test) => {
  test('lists the next ten ticks without a server, without a home, in the zone', async (t) => {
    const project = t.project();
    project.workflow(
      'daily',
      `return { schedule = { cron = "30 7 * jan-dec mon-fri", timezone = "Asia/Kolkata", jitter = "1m" },
        run = function() end }`,
    );
    project.workflow('never', 'return { run = function() end }');
    const { daily, ...others } = await list(project);
    assert.deepStrictEqual(others, {});
    assert.strictEqual(daily.next.length, 10);
    for (const time of daily.next) assert.match(time, /T02:00:00\.000Z$/);
    assert.ok(daily.delay_ms >= 0 && daily.delay_ms < 60000);
    assert.deepStrictEqual([daily.last_run, daily.runs, daily.is_paused], [null, 0, false]);
    assert.ok(!project.exists('.tend'));
    const plain = await project.tend(['schedules']);
    assert.match(plain.stdout, /^daily {2}30 7 .* Asia\/Kolkata/);
    assert.match(plain.stdout, /next \d{4}-\d\d-\d\d 07:30:00 \+05:30\n/);
  });

  test('pause and resume reach a running server, and are kept without one', async (t) => {
    const project = t.project();
    project.workflow('ticks', EVERY);
    const server = await project.serve();
    await until(project, 'ticks', 'a run', ({ runs }) => runs > 0);
    assert.strictEqual((await project.tend(['schedules', 'pause', 'ticks'])).code, 0);
    const paused = (await list(project)).ticks;
    assert.ok(paused.is_paused);
    const later = await until(project, 'ticks', 'ticks to pass by', (s) => s.skipped > paused.skipped + 1);
    assert.strictEqual(later.runs, paused.runs);
    await server.end('SIGTERM');
    assert.ok((await list(project)).ticks.is_paused);
    assert.strictEqual((await project.tend(['schedules', 'resume', 'ticks'])).code, 0);
    assert.ok(!(await list(project)).ticks.is_paused);
    await project.serve();
    await until(project, 'ticks', 'another run', ({ runs }) => runs > paused.runs);
  });

  test('run starts it now with its input, with and without a server', async (t) => {
    const project = t.project();
    project.workflow(
      'greets',
      `return { schedule = { every = "1d", input = { name = "Ada" } }, input = { name = "" },
        run = function(i) return i.name end }`,
    );
    const alone = await project.tend(['schedules', 'run', 'greets', '--json']);
    assert.deepStrictEqual([alone.code, alone.stdout], [0, '"Ada"\n'], alone);
    await project.serve();
    const served = await project.tend(['schedules', 'run', 'greets', '--json']);
    assert.deepStrictEqual([served.code, served.stdout], [0, '"Ada"\n'], served);
    for (const { id } of await project.runs()) assert.match(id, /^greets\.now\.\d{8}T\d{6}\.\d{3}Z$/);
    const unknown = await project.tend(['schedules', 'run', 'greet']);
    assert.strictEqual(unknown.code, 2);
    assert.match(unknown.stderr, /no schedule 'greet'; there are: greets/);
  });

  test('backfill runs each past tick once, in order', async (t) => {
    const project = t.project();
    project.workflow(
      'report',
      `return { schedule = { cron = "0 6 * * *", overlap = "queue_all" }, run = function()
        return state.update("n", function(n) return (n or 0) + 1 end) end }`,
    );
    const fill = ['schedules', 'backfill', 'report', '--from', '2026-01-01', '--to', '2026-01-03T06:00:00Z'];
    const first = await project.tend(fill);
    assert.match(first.stderr, /report: 3 ticks queued/, first);
    await project.serve();
    const second = await project.tend(fill); // by the server, while some still wait
    assert.strictEqual(second.code, 0, second);
    await until(project, 'report', 'all to run', (s) => s.runs === 3 && s.queued === 0);
    await project.until('them to end', async () =>
      (await project.runs()).every(({ status }) => status === 'completed'),
    );
    const results = [];
    for (const { id } of await project.runs()) results.unshift([id, (await project.show(id)).run.result]);
    assert.deepStrictEqual(results, [
      ['report.20260101T060000Z', 1],
      ['report.20260102T060000Z', 2],
      ['report.20260103T060000Z', 3],
    ]);
  });

  test('wrong uses are exit 2 and say what is wanted', async (t) => {
    const project = t.project();
    project.workflow('ticks', EVERY);
    const wrong = {
      'stop ticks': /'stop' is none of pause, resume, run, backfill/,
      pause: /pause wants one NAME/,
      'backfill ticks': /wants --from/,
      'backfill ticks --from yesterday': /--from wants a time such as/,
      'backfill ticks --from 2026-01-02 --to 2026-01-01': /--from must lie before --to/,
      'backfill ticks --from 2026-01-02 --to 2990-01-01': /lies in the future/,
      'backfill ticks --from 2026-01-01 --to 2026-01-02': /more than 1000 ticks/,
      '--from 2026-01-01': /go with backfill/,
    };
    for (const [words, pattern] of Object.entries(wrong)) {
      const ended = await project.tend(['schedules', ...words.split(' ')]);
      assert.strictEqual(ended.code, 2, `${words}: ${ended}`);
      assert.match(ended.stderr, pattern);
    }
  });

  test('a wrong schedule ends serve with the file and what is allowed; a broken file does not', async (t) => {
    const project = t.project();
    project.workflow('odd', 'return { schedule = { cron = "61 * * * *" }, run = function() end }');
    const ended = await project.tend(['serve']);
    assert.strictEqual(ended.code, 2, ended);
    assert.match(ended.stderr, /workflows\/odd\.lua: schedule: cron: '61' is no minute: 0 to 59/);
    project.workflow('odd', 'return {');
    project.workflow('ticks', EVERY);
    const server = await project.serve();
    assert.match(server.stderr, /odd\.lua:1:/);
    assert.match(server.stderr, /1 schedule,/);
  });

  test('serve reads a changed file again; a broken one keeps its last good version', async (t) => {
    const project = t.project();
    project.workflow('ticks', 'return { schedule = { every = "1d" }, run = function() end }');
    const server = await project.serve();
    project.workflow('ticks', 'return { schedule = { every = "1s" }, run = function() return "new" end }');
    await server.says(/the schedule of ticks was read again: every 1s/);
    const { last_run: id } = await until(project, 'ticks', 'a run', (s) => s.last_status === 'completed');
    assert.strictEqual((await project.show(id)).run.result, 'new');
    project.workflow('ticks', 'return { schedule = ');
    await server.says(/ticks\.lua:1:.*its last good version goes on/);
    const count = (await project.runs(['--limit', '0'])).length;
    await project.until('more runs', async () => (await project.runs(['--limit', '0'])).length > count + 1);
    const [last] = await project.runs(['--status', 'completed']);
    assert.strictEqual((await project.show(last.id)).run.result, 'new');
    project.workflow('late', EVERY);
    await server.says(/the schedule of late was read again: every 1s/);
    fs.unlinkSync(project.path('workflows', 'late.lua'));
    await server.says(/the schedule of late was read again: none/);
  });

  test('cancel_running ends the run before and starts the tick', async (t) => {
    const project = t.project();
    project.workflow(
      'long',
      `return { schedule = { every = "1s", overlap = "cancel_running" }, run = function()
        sleep(60) end }`,
    );
    await project.serve();
    await project.until('two to be cancelled', async () => {
      return (await project.runs(['--status', 'cancelled'])).length >= 2;
    });
  });

  test('missed ticks are made up for after a kill, each once', async (t) => {
    const project = t.project();
    project.workflow(
      'counts',
      `return { schedule = { every = "1s", missed = "all", overlap = "allow" }, run = function()
        state.update("n", function(n) return (n or 0) + 1 end) end }`,
    );
    for (const [up, down] of [
      [1300, 1500],
      [700, 2100],
    ]) {
      const server = await project.serve();
      await new Promise((resolve) => setTimeout(resolve, up));
      await server.end();
      await new Promise((resolve) => setTimeout(resolve, down));
    }
    await project.serve();
    await project.tend(['schedules', 'pause', 'counts']);
    await project.until('all to end', async () =>
      (await project.runs()).every(({ status }) => status === 'completed'),
    );
    const seconds = (await project.runs(['--limit', '0'])).map(({ id }) => {
      const [, y, mo, d, h, mi, s] = id.match(/^counts\.(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/);
      return Date.UTC(y, mo - 1, d, h, mi, s) / 1000;
    });
    seconds.sort();
    assert.deepStrictEqual(seconds, seconds.map((_, index) => seconds[0] + index), 'no gap, none twice');
    assert.ok(seconds.length >= 5, `${seconds.length} ticks`);
    project.workflow('sees', 'return { run = function() return { state.get("n"), state.list("") } end }');
    const seen = await project.run('sees');
    assert.deepStrictEqual(seen.json, [seconds.length, ['n']], seen);
  });

  test('a service manager is told that it is ready, and that it stops', async (t) => {
    const project = t.project();
    const socket = project.path('notify'); // of datagrams, which Node can't do
    const receiver = spawn('perl', [
      '-MSocket',
      '-e',
      'socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])) or die; $| = 1;' +
        'while (defined recv(S, $word, 999, 0)) { print "$word\n" }',
      socket,
    ]);
    let heard = '';
    receiver.stdout.on('data', (chunk) => (heard += chunk));
    await project.until('the socket', () => fs.existsSync(socket));
    const server = await project.serve({ env: { NOTIFY_SOCKET: socket } });
    await project.until('READY', () => heard.includes('READY=1'));
    await server.end('SIGTERM');
    await project.until('STOPPING', () => heard.includes('STOPPING=1'));
    receiver.kill();
    assert.strictEqual(heard, 'READY=1\nSTOPPING=1\n');
  });
};
