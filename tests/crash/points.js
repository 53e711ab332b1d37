#!/usr/bin/env node
'use strict';
// Kills the real program at every named crash point in turn: node tests/crash/points.js BUILD [POINT…]
//
// The names are those of the source (`point("…")` in runtime/*/*.c), so a new one is tested unasked.
// For each the first, second and third time that the process comes by, in the way (below) in which it
// does: the process dies there, what is left is started again without a word, and everything must end
// as if nothing had happened. A point that no way comes by is a failure: then this test is too small.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Project } = require('../workflow/tend');
const { startServer } = require('../workflow/server');
const { look, isOver, readCalls, checkKept, checkAttempts } = require('./journal');
const { playAll } = require('./rounds');

const ROOT = path.join(__dirname, '..', '..');
const TIMES = 3;
const AT_ONCE = 6; // they mostly wait

const WORKFLOWS = {
  tour: fs.readFileSync(path.join(__dirname, 'tour.lua'), 'utf8'),
  small: fs.readFileSync(path.join(__dirname, 'small.lua'), 'utf8'),
  patient: 'return { run = function() sleep("1h") end }',
  chain: `return { input = { left = 2, sum = 0 }, run = function(input)
    local sum = input.sum + step("add", function() return 1 end)
    if input.left == 0 then return sum end
    continue_as({ left = input.left - 1, sum = sum })
  end }`,
  ticks: `return { schedule = { every = "1s" }, run = function() return 1 end }`,
};

/** Every point's name; each stands in the source once. */
function findPoints() {
  const names = fs.readdirSync(path.join(ROOT, 'runtime')).flatMap((layer) =>
    fs
      .readdirSync(path.join(ROOT, 'runtime', layer))
      .filter((file) => file.endsWith('.c'))
      .map((file) => path.join('runtime', layer, file)),
  );
  const points = names.flatMap((file) =>
    [...fs.readFileSync(path.join(ROOT, file), 'utf8').matchAll(/\bpoint\("([a-z_]+)"\)/g)].map(
      (match) => match[1],
    ),
  );
  assert.strictEqual(new Set(points).size, points.length, `used twice: ${points.sort()}`);
  return points.sort();
}

// ---- a round: a project in which one process dies -------------------------------------------------

class Round {
  constructor(build, point, times, server) {
    this.project = new Project(build);
    this.server = server;
    this.deadly = { TEND_CRASH_AT: `${point}:${times}` };
    this.hasDied = false;
    for (const name of ['tour', 'small', 'patient', 'chain'])
      this.project.workflow(name, WORKFLOWS[name]);
  }

  /** Of a process that was deadly: did it die at its point? Then what is left is kept in mind. */
  async reckon(ended) {
    if (ended.signal !== 'SIGKILL') return;
    assert.match(ended.stderr, /crash point/, `killed by somebody else: ${ended}`);
    this.hasDied = true;
    this.left = { runs: await look(this.project), calls: readCalls(this.project) };
  }

  async isThere(id) {
    return (await look(this.project)).has(id);
  }

  start(workflow, id, env) {
    const set = workflow === 'tour' ? ['--set', `url="${this.server.url}"`, '--set', `me="${id}"`] : [];
    return this.project.spawn(['run', workflow, '--json', '--id', id, ...set], { env });
  }

  async say(...words) {
    const ended = await this.project.tend(words);
    assert.strictEqual(ended.code, 0, `${words.join(' ')}: ${ended}`);
  }

  /** What the tour must come to, and nothing that had ended ran again. */
  async check() {
    const runs = await look(this.project);
    const tour = runs.get('one');
    assert.strictEqual(tour.status, 'completed', JSON.stringify({ ...tour, steps: 0 }));
    assert.deepStrictEqual(tour.result, { sum: 11111, caught: true });
    for (const step of tour.steps.values())
      assert.strictEqual(step.status, step.key === 'fails' ? 'failed' : 'completed', step.key);
    const after = { runs, calls: readCalls(this.project) };
    checkAttempts(after);
    if (this.left) checkKept(this.left, after, (run, key) => `${run.id}:${key}`);
    const keys = new Set(this.server.requests.map(({ headers }) => headers['idempotency-key']));
    assert.strictEqual(keys.size, 1, `one key for one step: ${[...keys]}`);
  }
}

// ---- the ways --------------------------------------------------------------------------------------

/** `tend run` dies, and is called again. */
async function wayOfRun(round) {
  let running = round.start('tour', 'one', round.deadly);
  let hasSent = false;
  const send = async () => {
    await round.project.until('the run', async () => running.isOver || round.isThere('one'));
    if (hasSent || !(await round.isThere('one'))) return;
    await round.say('signal', 'one', 'word', '1000');
    hasSent = true;
  };
  await send();
  await round.reckon(await running.ended);
  if (round.hasDied) {
    running = round.start('tour', 'one');
    await send();
  }
  const ended = await running.ended;
  assert.strictEqual(ended.code, 0, ended);
  assert.deepStrictEqual(ended.json, { sum: 11111, caught: true });
  await round.project.until('the child', async () => {
    const runs = await look(round.project);
    if (runs.has('one-started') && isOver(runs.get('one-started'))) return true;
    await round.say('resume', '--all');
    return false;
  });
}

/** Keeps a server there: the first may be deadly, those after it aren't. */
async function keepServer(round, env) {
  let server;
  const begin = async (options) => {
    server = round.project.spawn(['serve'], options);
    await server.says(/serving|crash point/);
  };
  await begin({ env });
  return {
    /** `makeWay` ends whoever would take over. True if there had to be a new one. */
    async look(makeWay = async () => {}) {
      if (!server.isOver) return false;
      await makeWay();
      await round.reckon(await server.ended);
      assert.ok(round.hasDied, `serve ended: ${await server.ended}`);
      await begin();
      return true;
    },
    /** Killed, and the next one is deadly. */
    async restart(next) {
      await server.end();
      await begin({ env: next });
    },
    async stop() {
      const ended = await server.end('SIGTERM');
      await round.reckon(ended);
      if (ended.signal !== 'SIGKILL') assert.strictEqual(ended.code, 0, ended);
    },
  };
}

/** Hands a run to the server by a client that is killed once it is accepted: it might take over. */
async function handOver(round, keeper, workflow, id, env) {
  let client = round.start(workflow, id, env);
  await round.project.until(`${id} to be accepted`, async () => {
    const isNew = await keeper.look(() => client.end());
    if (await round.isThere(id)) return true;
    if (client.isOver) {
      if (!isNew) await round.reckon(await client.ended);
      client = round.start(workflow, id);
    }
    return false;
  });
  if (env) await Promise.race([client.ended, new Promise((resolve) => setTimeout(resolve, 50))]);
  const ended = await client.end();
  if (env && /crash point/.test(ended.stderr)) await round.reckon(ended);
}

async function withServer(round, { serverEnv, clientEnv, nextEnv }) {
  round.project.workflow('ticks', WORKFLOWS.ticks);
  const keeper = await keepServer(round, serverEnv);
  await handOver(round, keeper, 'tour', 'one', clientEnv);
  await handOver(round, keeper, 'patient', 'two');
  if (nextEnv) await keeper.restart(nextEnv);
  await handOver(round, keeper, 'chain', 'three');
  await round.say('signal', 'one', 'word', '1000');
  await round.say('cancel', 'two');
  await round.project.until('all to end', async () => {
    await keeper.look();
    const runs = await look(round.project);
    const ticks = [...runs.values()].filter(({ workflow }) => workflow === 'ticks').filter(isOver);
    return ['one', 'one-started', 'two', 'three'].every((id) => runs.has(id) && isOver(runs.get(id))) && ticks.length;
  });
  await keeper.stop();
  const runs = await look(round.project);
  assert.strictEqual(runs.get('two').status, 'cancelled');
  assert.deepStrictEqual([runs.get('three').status, runs.get('three').result], ['completed', 3]);
}

const WAYS = {
  run: wayOfRun,
  serve: (round) => withServer(round, { serverEnv: round.deadly }),
  client: (round) => withServer(round, { clientEnv: round.deadly }),
  recovery: (round) => withServer(round, { nextEnv: round.deadly }),
};

// ---- all of them -------------------------------------------------------------------------------------

/** Plays one round; true if the process died at the point. */
async function play(build, point, times, way) {
  const server = await startServer(({ body }) => ({ body: JSON.stringify({ n: Number(body) }) }));
  const round = new Round(build, point, times, server);
  try {
    await WAYS[way](round);
    await round.check();
    return round.hasDied;
  } catch (error) {
    error.message = `TEND_CRASH_AT=${point}:${times}, way ${way}: ${error.message}`;
    throw error;
  } finally {
    await round.project.remove();
    await server.close();
  }
}

/** The kills that hit. */
async function visit(build, point) {
  let ways = Object.keys(WAYS);
  let hits = 0;
  for (let times = 1; times <= TIMES; times++) {
    let hit = null;
    for (const way of ways) {
      if (await play(build, point, times, way)) {
        hit = way;
        hits++;
        break;
      }
    }
    if (!hit && times === 1) throw new Error(`no way comes by the point ${point}`);
    if (!hit) break; // it comes by so often and no more
    ways = [hit];
  }
  return hits;
}

async function main([build, ...only]) {
  const points = findPoints().filter((point) => !only.length || only.includes(point));
  await playAll({
    items: points,
    atOnce: AT_ONCE,
    play: (point) => visit(build, point),
    name: (point) => point,
    again: (point) => `node tests/crash/points.js ${build} ${point}`,
    sum: (hits) => `${points.length} crash points, ${hits} kills at them`,
  });
}

main(process.argv.slice(2));
