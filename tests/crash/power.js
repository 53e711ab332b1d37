#!/usr/bin/env node
'use strict';
// Power fails under the real program: node tests/crash/power.js BUILD
//
// BUILD/tests/crash/power.so (power.c) is preloaded: at a random write or sync of the journal it takes
// back, by chance, what wasn't synced, and ends the process. Each round loses power a few times over
// everything.lua, then runs to the end. What had been told before must be there after: a line that a
// step wrote or a request that it sent needs its recorded start, what `tend show` has shown stays, and
// a result that was printed is the run's. TEND_POWER_ROUNDS: how many (default 60, about ten seconds);
// TEND_POWER_SEED and TEND_POWER_ROUND repeat what a failure names.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Project } = require('../workflow/tend');
const { startServer } = require('../workflow/server');
const { generator, look, isOver, readCalls, checkKept, checkAttempts } = require('./journal');
const { failOutright, numbers, playAll } = require('./rounds');

const ROUNDS = Number(process.env.TEND_POWER_ROUNDS || 60);
const SEED = Number(process.env.TEND_POWER_SEED || Date.now() % 1000000);
const ONLY = process.env.TEND_POWER_ROUND;
const AT_ONCE = 3;
const LOSSES_MAX = 4;
const POWER_EXIT = 77;

const nameOf = (run, key) =>
  `${run.workflow === 'counts' ? `${run.input.me}:child/` : `${run.id}:`}${key}`;

/** A home in memory: nothing is synced for real, so the disk would only be slower. */
function makeHome() {
  const folder = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  return fs.mkdtempSync(path.join(folder, 'tend-power-'));
}

async function openRound(build) {
  const server = await startServer(({ path: where, body }) => ({
    body: JSON.stringify({ n: where === '/post' ? Number(body) : 42 }),
  }));
  const home = makeHome();
  const project = new Project(build);
  fs.symlinkSync(home, path.join(project.folder, '.tend'));
  for (const name of ['everything', 'counts'])
    project.workflow(name, fs.readFileSync(path.join(__dirname, `${name}.lua`), 'utf8'));
  return { project, server, home };
}

async function closeRound({ project, server, home }) {
  await project.remove();
  await server.close();
  fs.rmSync(home, { recursive: true, force: true });
}

const startRun = ({ project, server }, env) =>
  project.spawn(
    [
      ...['run', 'everything', '--json', '--id', 'one'],
      ...['--set', `url="${server.url}"`, '--set', 'me="one"'],
    ],
    { env },
  );

const preload = (build, more) => ({
  LD_PRELOAD: path.resolve(build, 'tests/crash/power.so'),
  ...more,
});

/** What had touched the outside has a recorded start: the barrier held. */
function checkTouched({ server }, { runs, calls }) {
  const started = new Set();
  for (const run of runs.values())
    for (const [key, step] of run.steps)
      for (const { attempt } of step.attempts) started.add(`${nameOf(run, key)} ${attempt}`);
  for (const [key, attempts] of calls)
    for (const attempt of attempts)
      assert.ok(started.has(`${key} ${attempt}`), `attempt ${attempt} of ${key} was called, and its start is lost`);
  const posts = ['post1', 'post2', 'post3', 'post4'].filter((name) =>
    server.requests.some(({ path: where, body }) => where === '/post' && `post${body}` === name),
  );
  for (const post of posts) {
    const key = `parallel/http/${post}`;
    assert.ok(runs.get('one')?.steps.has(key), `${key} was sent, and its start is lost`);
  }
}

async function snapshot(round) {
  return { runs: await look(round.project), calls: readCalls(round.project) };
}

/** How many events a run has that nothing disturbs. */
async function countEvents(build) {
  const round = await openRound(build);
  try {
    const log = round.project.path('events.txt');
    const ended = await startRun(round, preload(build, { TEND_POWER_LOG: log })).ended;
    assert.strictEqual(ended.code, 0, ended);
    return { events: Number(fs.readFileSync(log, 'utf8')), result: ended.stdout };
  } finally {
    await closeRound(round);
  }
}

/** The losses that hit. */
async function playRound(build, number, { events, result }) {
  const random = generator(SEED * 1000 + number);
  const round = await openRound(build);
  const losses = 1 + Math.floor(random() * LOSSES_MAX);
  let last = null;
  let hits = 0;
  try {
    for (let i = 0; i < losses; i++) {
      const isEarly = i === 0 && random() < 0.3; // the journal's own beginning
      const at = 1 + Math.floor(random() * (isEarly ? 20 : events * 0.7));
      const seed = Math.floor(random() * 1e9);
      const ended = await startRun(round, preload(build, { TEND_POWER: `${at}:${seed}` })).ended;
      const seen = await snapshot(round);
      if (ended.code === POWER_EXIT) hits++;
      else assert.strictEqual(ended.code, 0, ended);
      if (ended.stdout) {
        assert.strictEqual(ended.stdout, result);
        assert.strictEqual(seen.runs.get('one').status, 'completed', 'its result was printed');
      }
      checkTouched(round, seen);
      if (last) checkKept(last, seen, nameOf);
      last = seen;
      if (seen.runs.has('one') && isOver(seen.runs.get('one'))) break;
    }
    const ended = await startRun(round).ended;
    assert.strictEqual(ended.code, 0, ended);
    assert.strictEqual(ended.stdout, result);
    const end = await snapshot(round);
    checkTouched(round, end);
    if (last) checkKept(last, end, nameOf);
    checkAttempts(end);
    return hits;
  } finally {
    await closeRound(round);
  }
}

async function main([build]) {
  const undisturbed = await countEvents(build);
  await playAll({
    items: numbers(ONLY, ROUNDS),
    atOnce: AT_ONCE,
    play: (number) => playRound(build, number, undisturbed),
    name: (number) => `round ${number}`,
    again: (number) =>
      `TEND_POWER_SEED=${SEED} TEND_POWER_ROUND=${number} node tests/crash/power.js ${build}`,
    sum: (hits) =>
      `${undisturbed.events} writes and syncs in a run; seed ${SEED}: ${hits} power losses`,
    futile: (hits, count) => (!ONLY && hits < count / 2 ? 'power was lost too seldom' : null),
  });
}

main(process.argv.slice(2)).catch(failOutright);
