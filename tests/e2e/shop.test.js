'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { spawn, spawnSync } = require('node:child_process');

const script = require('../../examples/demo/script');

const SHOP = path.join(__dirname, '..', '..', 'examples', 'demo', 'shop');
const REQUESTS = 1000;
const ENVIRONMENT = { PATH: process.env.PATH, PORT: '0' };

let root;
let mended;

before(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'tend-e2e-'));
  mended = path.join(root, 'mended');
  fs.cpSync(SHOP, mended, { recursive: true });
  for (const { file, find, replace } of script.edits) {
    const at = path.join(mended, file);
    const text = fs.readFileSync(at, 'utf8');
    assert.strictEqual(text.split(find).length, 2, `${file} holds the text to replace once`);
    fs.writeFileSync(at, text.replace(find, replace));
  }
});

after(() => fs.rmSync(root, { recursive: true, force: true }));

function get(port, where, agent) {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path: where, agent }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      })
      .on('error', reject);
  });
}

// use(port, rss): runs the service of a folder meanwhile; rss() in MB.
async function serving(directory, use) {
  const child = spawn(process.execPath, ['src/server.js'], {
    cwd: directory,
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const rss = () =>
    Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1000;
  try {
    const line = await new Promise((resolve) => child.stdout.once('data', resolve));
    return await use(JSON.parse(line).port, rss);
  } finally {
    child.kill('SIGKILL');
  }
}

// MB that the second half of the requests adds: the first half warms the process up.
function growth(directory) {
  return serving(directory, async (port, rss) => {
    const agent = new http.Agent({ keepAlive: true });
    let half = 0;
    for (let n = 0; n < REQUESTS; n += 1) {
      if (n === REQUESTS / 2) half = rss();
      await get(port, '/health', agent);
    }
    agent.destroy();
    return rss() - half;
  });
}

function passes(directory) {
  return spawnSync(process.execPath, ['--test'], { cwd: directory, env: ENVIRONMENT }).status === 0;
}

test("the shop's tests pass before the fix and after it", () => {
  assert.ok(passes(SHOP));
  assert.ok(passes(mended));
});

test('the test that the fix brings fails without the fix', () => {
  const file = 'src/discounts.js';
  fs.copyFileSync(path.join(mended, file), path.join(root, 'kept'));
  fs.copyFileSync(path.join(SHOP, file), path.join(mended, file));
  assert.ok(!passes(mended));
  fs.copyFileSync(path.join(root, 'kept'), path.join(mended, file));
});

test("a guest's discount fails before the fix and is answered after it", async () => {
  const ask = (port) => get(port, '/orders/4/discount');
  assert.strictEqual(await serving(SHOP, ask), 500);
  assert.strictEqual(await serving(mended, ask), 200);
});

test('memory grows by 40 kB a request before the fix, and not after it', async () => {
  const sick = await growth(SHOP);
  const well = await growth(mended);
  assert.ok(sick > 15, `${sick} MB in ${REQUESTS / 2} requests`);
  assert.ok(well < sick / 2, `${well} MB after the fix, ${sick} MB before`);
});
