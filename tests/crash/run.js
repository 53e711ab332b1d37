#!/usr/bin/env node
'use strict';
// Kills the real program at random points, starts it again until all has ended, and checks what was
// promised: node tests/crash/run.js BUILD
//
// Each round has a home of its own, a seed of its own, and one of two ways: `run` and `resume`, or a
// `serve` with two runs that share their counters. TEND_CRASH_ROUNDS: how many (default 90, which is
// about half a minute). TEND_CRASH_SEED and TEND_CRASH_ROUND repeat what a failure names; the moments
// of the kills are the same then, what tend had done by then may not be.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Project } = require('../workflow/tend');
const { startServer } = require('../workflow/server');
const journal = require('./journal');
const { failOutright, numbers, playAll } = require('./rounds');

const { generator, look, isOver, readCalls, countRequests, checkAttempts } = journal;

const ROUNDS = Number(process.env.TEND_CRASH_ROUNDS || 90);
const SEED = Number(process.env.TEND_CRASH_SEED || Date.now() % 1000000);
const ONLY = process.env.TEND_CRASH_ROUND;
const AT_ONCE = 3;
const KILLS_MAX = 8;
const NAP_EVERY = 4; // rounds: one in so many waits out of memory, too

/** Answers POST with a number that only the body decides, after a moment. */
const startCountingServer = () =>
  startServer(async ({ path: where, body }) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { body: JSON.stringify({ n: where === '/post' ? Number(body) : 42 }) };
  });

const words = (word, count) => Array.from({ length: count }, (_, i) => `${word}${i + 1}`);

const EXPECTED = {
  first: 1,
  chain: 210,
  sums: { left: 72, right: 42, http: 10, nested: [12, 12] },
  child: { sum: 6 },
  same: true,
  inside: 42,
  caught: false,
  seen: [
    ...words('http', 4),
    ...words('parallel/left', 8),
    ...words('parallel/nested/parallel/1', 3),
    ...words('parallel/nested/parallel/2', 3),
    ...words('parallel/right', 6),
  ],
  last: 9,
};

/** The end of a round: as if nothing had happened. */
async function checkEnd(round, seen) {
  const { project, ids, server } = round;
  for (const id of ids) {
    const run = seen.runs.get(id);
    assert.strictEqual(run.status, 'completed', `run ${id}: ${run.waits_for || ''}`);
    assert.deepStrictEqual(run.result, EXPECTED, `the result of ${id}`);
  }
  assert.strictEqual(seen.runs.size, ids.length * 2, 'one child each');
  project.workflow(
    'counters',
    `return { run = function() return { state.get("before"), state.get("branches"), state.get("children") } end }`,
  );
  const counters = await project.run('counters');
  const each = [1, 20, 3].map((n) => n * ids.length);
  assert.deepStrictEqual(counters.json, each, `counters: ${counters}`);
  const keys = countRequests(server);
  assert.ok(!keys.has(undefined), 'a POST without an Idempotency-Key');
  assert.strictEqual(keys.size, 5 * ids.length, `one key a step: ${[...keys.keys()]}`);
}

/** The name under which a step's function notes that it was called. */
const nameOf = (run, key) =>
  `${run.workflow === 'counts' ? `${run.input.me}:child/` : `${run.id}:`}${key}`;
const checkKept = (before, after) => journal.checkKept(before, after, nameOf);

// ---- a round ---------------------------------------------------------------------------------

async function snapshot({ project, server }) {
  const runs = await look(project);
  return { runs, calls: readCalls(project), requests: countRequests(server) };
}

/** Waits, at most so long; true if it ended by itself. */
function lives(running, ms) {
  let timer;
  const time = new Promise((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  return Promise.race([running.ended.then(() => true), time]).finally(() => clearTimeout(timer));
}

const startOne = (round, id) =>
  round.project.spawn([
    ...['run', 'everything', '--json', '--id', id],
    ...['--set', `url="${round.server.url}"`, '--set', `me="${id}"`, '--set', `nap=${round.nap}`],
  ]);

/** `run`, killed; then `run --id` or `resume`, killed, …; the last one is left alone. */
async function killRuns(round) {
  const { project, random } = round;
  const [id] = round.ids;
  const kills = 1 + Math.floor(random() * KILLS_MAX);
  for (let i = 0; i <= kills; i++) {
    const known = (await look(project)).has(id);
    const running =
      known && random() < 0.7 ? project.spawn(['resume', id, '--json']) : startOne(round, id);
    const life = i < kills ? random() * round.lifeMax : Infinity;
    if (life === Infinity || (await lives(running, life))) {
      const ended = await running.ended;
      assert.strictEqual(ended.code, 0, ended);
      return;
    }
    await killAndCheck(round, running);
  }
}

/** `serve`, killed and started again, with two runs handed over to the first. */
async function killServers(round) {
  const { project, random } = round;
  let server = await project.serve();
  const clients = round.ids.map((id) => startOne(round, id));
  await project.until('the runs to be accepted', async () => (await look(project)).size >= 2);
  for (const client of clients) await client.end();
  const kills = 1 + Math.floor(random() * KILLS_MAX);
  for (let i = 0; i < kills; i++) {
    if (await lives(server, random() * round.lifeMax))
      assert.fail(`serve ended: ${await server.ended}`);
    await killAndCheck(round, server);
    server = await project.serve();
  }
  await project.until('the runs to end', async () => {
    const runs = await look(project);
    return round.ids.every((id) => isOver(runs.get(id)));
  });
  const ended = await server.end('SIGTERM');
  assert.strictEqual(ended.code, 0, ended);
}

/** What was told before the kill holds after it; what holds after it is kept for the next look. */
async function killAndCheck(round, running) {
  const told = round.random() < 0.5 ? await snapshot(round) : null;
  await running.end();
  const left = await snapshot(round);
  if (told) checkKept({ ...told, calls: left.calls }, left);
  if (round.last) checkKept(round.last, left);
  round.last = left;
  if (round.ids.some((id) => left.runs.has(id) && !isOver(left.runs.get(id)))) round.hits++;
}

/** A round's parts, without kills yet. */
async function openRound(build, number) {
  const random = generator(SEED * 1000 + number);
  const server = await startCountingServer();
  const project = new Project(build);
  const isServer = number % 3 === 2;
  const ids = isServer ? ['one', 'two'] : ['one'];
  const nap = number % NAP_EVERY === 1 ? 1.1 : 0.02;
  for (const name of ['everything', 'counts'])
    project.workflow(name, fs.readFileSync(path.join(__dirname, `${name}.lua`), 'utf8'));
  return { project, server, random, ids, isServer, nap, last: null, hits: 0 };
}

async function closeRound({ project, server }) {
  await project.remove();
  await server.close();
}

/** Nothing is killed: how long it takes here, for the lives of those that are. */
async function playUndisturbed(build) {
  const round = await openRound(build, 0);
  try {
    const began = Date.now();
    const ended = await startOne(round, 'one').ended;
    assert.strictEqual(ended.code, 0, ended);
    const took = Date.now() - began;
    const end = await snapshot(round);
    checkAttempts(end);
    await checkEnd(round, end);
    return took;
  } finally {
    await closeRound(round);
  }
}

async function playRound(build, number, took) {
  const round = await openRound(build, number);
  round.lifeMax = took * 0.6; // it gets further from life to life
  try {
    await (round.isServer ? killServers(round) : killRuns(round));
    const end = await snapshot(round);
    if (round.last) checkKept(round.last, end);
    checkAttempts(end);
    await checkEnd(round, end);
    return round.hits;
  } finally {
    await closeRound(round);
  }
}

async function main([build]) {
  const took = await playUndisturbed(build);
  await playAll({
    items: numbers(ONLY, ROUNDS),
    atOnce: AT_ONCE,
    play: (number) => playRound(build, number, took),
    name: (number) => `round ${number}`,
    again: (number) =>
      `TEND_CRASH_SEED=${SEED} TEND_CRASH_ROUND=${number} node tests/crash/run.js ${build}`,
    sum: (hits) => `undisturbed: ${took} ms; seed ${SEED}: ${hits} kills while a run was under way`,
    futile: (hits, count) =>
      !ONLY && hits < count / 2 ? 'too few kills hit anything: this machine needs other times' : null,
  });
}

main(process.argv.slice(2)).catch(failOutright);
