#!/usr/bin/env node
'use strict';
// `make bench`: what tend's runtime does, beside what this machine allows in the same run. Each figure
// is the median of several rounds; the rounds of the machine and of tend take turns, so that a
// neighbour's load hits both. Ratios are what to compare, not times.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const PROGRAM = path.resolve(process.argv[2] || 'build', 'tend');
const ROUNDS = 5;

const FOLDER = fs.mkdtempSync(path.join(process.env.TEND_BENCH_DIR || os.tmpdir(), 'tend-bench-'));

const WORKFLOWS = {
  nothing: 'return { run = function() end }',
  effects: `return { input = { n = 1 }, run = function(input)
    for i = 1, input.n do
      step("touch", function() io.open("/dev/null"):close() return i end)
    end
  end }`,
  pure: `return { input = { n = 1 }, run = function(input)
    for i = 1, input.n do step("count", function() return i end) end
  end }`,
  wide: `return { input = { n = 1, each = 1 }, run = function(input)
    local branches = {}
    for i = 1, input.n do
      branches[i] = function() return invoke("effects", { n = input.each }) end
    end
    parallel(branches)
  end }`,
  sleeper: 'return { run = function() sleep("1d") end }',
  sleepers: `return { input = { n = 1 }, run = function(input)
    for i = 1, input.n do start("sleeper", {}) end
  end }`,
};

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rounds = (measure) => Array.from({ length: ROUNDS }, (_, i) => measure(i));

function seconds(work) {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

let homes = 0;
function tend(workflow, input) {
  const home = path.join(FOLDER, `home-${homes++}`);
  const args = ['run', workflow, '--quiet', '--home', home, '--input', JSON.stringify(input || {})];
  const took = seconds(() => {
    const ended = spawnSync(PROGRAM, args, { cwd: FOLDER, stdio: ['ignore', 'ignore', 'pipe'] });
    if (ended.status !== 0) throw new Error(`tend run ${workflow}: ${ended.stderr}`);
  });
  const size = fs.statSync(path.join(home, 'journal.mdb')).blocks * 512;
  fs.rmSync(home, { recursive: true });
  return { took, size };
}

// One small write and a sync, as often as this disk can: the least that a durable step can cost.
function syncSeconds(count) {
  const file = fs.openSync(path.join(FOLDER, 'raw'), 'w');
  const page = Buffer.alloc(4096, 'x');
  const took = seconds(() => {
    for (let i = 0; i < count; i++) {
      fs.writeSync(file, page, 0, page.length, i * page.length);
      fs.fdatasyncSync(file);
    }
  });
  fs.closeSync(file);
  return took / count;
}

function line(name, value, note) {
  console.log(`${name.padEnd(46)} ${value.padStart(14)}   ${note}`);
}

function start() {
  const nothing = median(rounds(() => seconds(() => spawnSync('/bin/true'))));
  const version = median(rounds(() => seconds(() => spawnSync(PROGRAM, ['version']))));
  line('start: tend version', `${(version * 1e3).toFixed(1)} ms`,
    `${(version / nothing).toFixed(1)} × starting /bin/true`);
  const base = median(rounds(() => tend('nothing').took));
  line('an empty run in a new home', `${(base * 1e3).toFixed(1)} ms`, '');
  return base;
}

function effects(base) {
  const raw = [], steps = [];
  for (let i = 0; i < ROUNDS; i++) {
    raw.push(syncSeconds(300));
    steps.push((tend('effects', { n: 500 }).took - base) / 500);
  }
  line('one run, a step that touches the outside', `${Math.round(1 / median(steps))} /s`,
    `${(median(steps) / median(raw)).toFixed(2)} × one write and fdatasync (${Math.round(1 / median(raw))} /s)`);
  const wide = rounds(() => (tend('wide', { n: 200, each: 50 }).took - base) / 10000);
  line('200 runs side by side, the same step', `${Math.round(1 / median(wide))} /s`,
    `${(median(raw) / median(wide)).toFixed(1)} steps for each such sync`);
}

function pure(base) {
  const steps = rounds(() => (tend('pure', { n: 20000 }).took - base) / 20000);
  line('one run, a pure step', `${Math.round(1 / median(steps))} /s`,
    `${(median(steps) * 1e6).toFixed(1)} µs each`);
}

function sleepers(base) {
  const all = rounds(() => tend('sleepers', { n: 2000 }));
  line('runs started and put to sleep', `${Math.round(2000 / (median(all.map(({ took }) => took)) - base))} /s`,
    `${Math.round(median(all.map(({ size }) => size)) / 2000)} bytes of journal each`);
}

for (const [name, text] of Object.entries(WORKFLOWS)) {
  fs.mkdirSync(path.join(FOLDER, 'workflows'), { recursive: true });
  fs.writeFileSync(path.join(FOLDER, 'workflows', `${name}.lua`), text);
}
try {
  const base = start();
  effects(base);
  pure(base);
  sleepers(base);
} finally {
  fs.rmSync(FOLDER, { recursive: true, force: true });
}
