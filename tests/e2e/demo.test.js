'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { spawn } = require('node:child_process');

const { growth, leaks } = require('../../examples/demo/outside');
const { Checks } = require('../../examples/demo/story');

const DEMO = path.join(__dirname, '..', '..', 'examples', 'demo', 'demo.js');

test('a claim that does not hold is counted as failed, also one that throws', async () => {
  const checks = new Checks();
  await checks.check('(meant to be ok)', true);
  await checks.check('(meant to fail)', () => false);
  await checks.check('(meant to throw)', () => {
    throw new Error('as meant');
  });
  assert.deepStrictEqual([checks.passed, checks.failed], [1, 2]);
});

test('a secret in any file of a folder is found', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tend-e2e-'));
  fs.mkdirSync(path.join(root, 'deep'));
  fs.writeFileSync(
    path.join(root, 'deep', 'data.mdb'),
    Buffer.from('\0\x01the-secret\xff', 'latin1'),
  );
  assert.strictEqual(leaks(root, { one: 'the-secret', other: 'absent' }).length, 1);
  fs.rmSync(root, { recursive: true });
});

test('growth is the slope of what was measured', () => {
  const samples = [0, 1, 2, 3].map((n) => ({ at_ms: n * 1000, memory_gb: 0.1 + n * 0.0015 }));
  const service = { instances: [{ meter: { samples } }] };
  assert.ok(Math.abs(growth(service, 0, 5000) - 1.5) < 1e-9);
});

test('the demo stops what it started and removes its folder when it is interrupted', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tend-e2e-'));
  fs.chmodSync(folder, 0o711);
  const child = spawn(process.execPath, [DEMO], {
    env: { PATH: process.env.PATH, TMPDIR: folder, TEND: '/bin/false' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (/customers ask/.test(output)) child.kill('SIGINT');
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.strictEqual(code, 1);
  assert.match(output, /0 passed, 1 failed\n$/);
  assert.deepStrictEqual(fs.readdirSync(folder), []);
  const pid = /shop runs as process (\d+)/.exec(output)[1];
  assert.ok(!fs.existsSync(`/proc/${pid}`));
  fs.rmSync(folder, { recursive: true });
});
