#!/usr/bin/env node
'use strict';
// The one runner of `make test`: node tests/run.js BUILD [unit|workflow|shipped|crash|e2e]… [PROGRAM…]
//
// Runs every suite, prints one line for each, the output of those that fail, and as its very last
// line `N passed, M failed` (`, K skipped`). A suite that ends by a signal, or badly without saying
// what failed, counts as one failure. Plain Node 18 or newer, no packages.

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');

const ROOT = path.join(__dirname, '..');
const KINDS = ['unit', 'workflow', 'shipped', 'crash', 'e2e'];
const UNITS_AT_ONCE = 2;
const LIMIT_MS = 300000; // a suite that hangs is a failure, not a wait

/** What cmocka says; a program may run several groups. */
function countCmocka(text) {
  const sum = (pattern) =>
    [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  return {
    passed: sum(/^\[ {2}PASSED {2}\] (\d+) test\(s\)/gm),
    failed: sum(/^\[ {2}FAILED {2}\] (\d+) test\(s\)/gm),
    skipped: sum(/^\[ {2}SKIPPED \] (\d+) test\(s\)/gm),
  };
}

/** What Node's runner says at the end of its TAP. */
function countTap(text) {
  const last = (name) => Number((text.match(new RegExp(`^# ${name} (\\d+)$`, 'm')) || [0, 0])[1]);
  return {
    passed: last('pass'),
    failed: last('fail') + last('cancelled'),
    skipped: last('skipped') + last('todo'),
  };
}

/** What our own runners say in their last line. */
function countOwn(text) {
  const match = text.trimEnd().match(/(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/);
  if (!match) return { passed: 0, failed: 0, skipped: 0 };
  return { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] || 0) };
}

/** Runs a program; what it wrote and how it ended. */
function run(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const timer = setTimeout(() => {
      output += `\nended after ${LIMIT_MS / 1000} s\n`;
      child.kill('SIGKILL');
    }, LIMIT_MS);
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => (output += `${command}: ${error.message}\n`));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ output, code, signal });
    });
  });
}

/** Runs a suite and adds what it says to the totals. */
async function runSuite(suite, totals) {
  const began = Date.now();
  const { output, code, signal } = await run(suite.command, suite.args, suite.env);
  const counts = suite.count(output);
  const silent = counts.passed + counts.failed + counts.skipped === 0;
  if ((code !== 0 || signal || silent) && counts.failed === 0) counts.failed = 1;
  totals.passed += counts.passed;
  totals.failed += counts.failed;
  totals.skipped += counts.skipped;
  const skipped = counts.skipped ? `, ${counts.skipped} skipped` : '';
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  const how = signal ? `  (ended by ${signal})` : '';
  console.log(
    `${suite.name.padEnd(32)} ${String(counts.passed).padStart(4)} passed, ` +
      `${counts.failed} failed${skipped}  ${seconds} s${how}`,
  );
  if (counts.failed || suite.isLoud) console.log(indent(output));
}

const indent = (text) => text.trimEnd().replace(/^/gm, '    ');

// ---- what there is -------------------------------------------------------------------------

/** A unit test is a source; one that wasn't built, or wasn't given, fails by not starting. */
function unitSuites(build, given) {
  const folder = path.join(ROOT, 'tests', 'unit');
  const sources = fs
    .readdirSync(folder)
    .sort()
    .flatMap((layer) =>
      fs
        .readdirSync(path.join(folder, layer))
        .filter((file) => /^test_.*\.c$/.test(file))
        .sort()
        .map((file) => `${layer}/${file.slice(0, -2)}`),
    );
  const programs = given.length
    ? given
    : sources.map((name) => path.join(build, 'tests', 'unit', name));
  return programs.map((program) => ({
    name: `unit ${path.basename(path.dirname(program))}/${path.basename(program).slice(5)}`,
    command: path.resolve(ROOT, program),
    args: [],
    count: countCmocka,
  }));
}

const ownSuite = (name, build, file = 'run.js') => ({
  name: file === 'run.js' ? name : `${name} ${path.basename(file, '.js')}`,
  command: process.execPath,
  args: [path.join('tests', name, file), build],
  count: countOwn,
  isLoud: name === 'crash', // its seed repeats it
});

const crashSuites = (build) =>
  ['run.js', 'points.js', 'power.js'].map((file) => ownSuite('crash', build, file));

/** The shipped workflows, by the program's own `tend test`. */
const shippedSuite = (build) => ({
  name: 'shipped',
  command: path.resolve(ROOT, build, 'tend'),
  args: ['test', path.join('tests', 'shipped')],
  count: countOwn,
});

function endToEndSuites() {
  const folder = path.join(ROOT, 'tests', 'e2e');
  const files = fs
    .readdirSync(folder)
    .filter((file) => file.endsWith('.test.js'))
    .sort();
  return files.map((file) => ({
    name: `e2e ${file.replace(/\.test\.js$/, '')}`,
    command: process.execPath,
    args: ['--test', '--test-reporter=tap', path.join('tests', 'e2e', file)],
    count: countTap,
  }));
}

// ---- running -------------------------------------------------------------------------------

async function runAll(suites, atOnce, totals) {
  const queue = [...suites];
  const worker = async () => {
    while (queue.length) await runSuite(queue.shift(), totals);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function runKind(kind, build, given, totals) {
  if (kind === 'unit') return runAll(unitSuites(build, given), UNITS_AT_ONCE, totals);
  if (kind === 'shipped') return runAll([shippedSuite(build)], 1, totals);
  if (kind === 'crash') return runAll(crashSuites(build), 1, totals);
  if (kind !== 'e2e') return runAll([ownSuite(kind, build)], 1, totals);
  if (fs.existsSync(path.join(ROOT, 'tests', 'e2e', 'node_modules')))
    return runAll(endToEndSuites(), 1, totals);
  totals.failed++;
  console.log(
    'e2e: its packages are missing: `make deps`, or `npm ci --ignore-scripts` in tests/e2e',
  );
}

async function main([build, ...rest]) {
  if (!build || build.startsWith('-')) {
    console.error('usage: node tests/run.js BUILD [unit|workflow|shipped|crash|e2e]… [PROGRAM…]');
    return 2;
  }
  const kinds = rest.filter((word) => KINDS.includes(word));
  const given = rest.filter((word) => !KINDS.includes(word));
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const kind of kinds.length ? kinds : KINDS) await runKind(kind, build, given, totals);
  const skipped = totals.skipped ? `, ${totals.skipped} skipped` : '';
  console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
  return totals.failed || !totals.passed ? 1 : 0;
}

if (require.main === module) main(process.argv.slice(2)).then((code) => (process.exitCode = code));
module.exports = { countCmocka, countTap, countOwn };
