'use strict';
// What the journal says, looked at from outside while things are killed, and what of it must hold.

const assert = require('node:assert');

/** Numbers in [0, 1) that repeat for a seed (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// ---- what tend says --------------------------------------------------------------------------

/** The runs of the round that there are, by id: {status, result, steps by key}. */
async function look(project) {
  const listed = await project.tend(['runs', '--json', '--limit', '0']);
  const runs = new Map();
  if (listed.code === 2 && /no journal|No such|not a journal|there is no/i.test(listed.stderr))
    return runs;
  assert.strictEqual(listed.code, 0, `runs: ${listed}`);
  for (const line of listed.stdout.split('\n').filter(Boolean)) {
    const { id } = JSON.parse(line);
    const { run, steps } = await project.show(id);
    runs.set(id, { ...run, steps: new Map(steps.map((step) => [step.key, step])) });
  }
  return runs;
}

const isOver = (run) =>
  ['completed', 'failed', 'cancelled', 'blocked', 'stuck'].includes(run.status);
const hasEnded = (step) => step.status === 'completed' || step.status === 'failed';

/** key -> the attempts that its function saw, in order. */
function readCalls(project) {
  const calls = new Map();
  const text = project.exists('calls.txt') ? project.read('calls.txt') : '';
  for (const line of text.split('\n').filter(Boolean)) {
    const at = line.lastIndexOf(' ');
    const key = line.slice(0, at);
    calls.set(key, [...(calls.get(key) || []), Number(line.slice(at + 1))]);
  }
  return calls;
}

/** Idempotency-Key -> how often the server was asked with it. */
function countRequests(server) {
  const counts = new Map();
  for (const { headers } of server.requests) {
    const key = headers['idempotency-key'];
    counts.set(key, (counts.get(key) || 0) + 1);
  }
  return counts;
}

// ---- what must hold --------------------------------------------------------------------------

/**
 * What had ended before has not changed and has not run again. `nameOf(run, key)`: what the step's
 * function writes to calls.txt.
 */
function checkKept(before, after, nameOf) {
  for (const [id, run] of before.runs) {
    const later = after.runs.get(id);
    assert.ok(later, `run ${id} was lost`);
    if (isOver(run))
      assert.deepStrictEqual([later.status, later.result], [run.status, run.result], id);
    for (const [key, step] of run.steps) {
      const name = `step ${key} of ${id}`;
      const now = later.steps.get(key);
      assert.ok(now, `${name} was lost`);
      assert.deepStrictEqual(
        now.attempts.slice(0, step.attempts.length),
        step.attempts,
        `${name}: its recorded attempts changed`,
      );
      if (!hasEnded(step)) continue;
      assert.deepStrictEqual(now, step, `${name} had ended and changed`);
      const called = nameOf(run, key);
      assert.deepStrictEqual(
        after.calls.get(called),
        before.calls.get(called),
        `${name} had ended and ran again`,
      );
    }
  }
}

const ascends = (numbers) => numbers.every((n, i) => i === 0 || n > numbers[i - 1]);

/** Attempts' numbers ascend, in the journal and as the functions saw them. */
function checkAttempts({ runs, calls }) {
  for (const [id, run] of runs)
    for (const [key, { attempts }] of run.steps) {
      const numbers = (status) =>
        attempts.filter((one) => one.status === status).map(({ attempt }) => attempt);
      const name = `attempts of ${key} of ${id}: ${JSON.stringify(attempts)}`;
      assert.ok(ascends(numbers('started')) && ascends(numbers('failed')), name);
      assert.ok(
        attempts.every(({ attempt }, i) => i === 0 || attempt >= attempts[i - 1].attempt),
        name,
      );
    }
  for (const [key, attempts] of calls)
    assert.ok(ascends(attempts), `${key} was called with attempts ${attempts}`);
}

module.exports = { generator, look, isOver, hasEnded, readCalls, countRequests, checkKept, checkAttempts };
