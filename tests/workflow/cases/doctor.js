'use strict';
// tend doctor: what it finds, and that it is nothing where all is well. And tend version.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');

async function doctor(project, env, ...args) {
  const ended = await project.tend(['doctor', '--json', ...args], { env });
  const found = (what) => ended.json.findings.filter((finding) => finding.what === what);
  return { ended, found, states: (what) => found(what).map((finding) => finding.state) };
}

module.exports = (test) => {
  test('a project that is well has nothing wrong, with a home and without', async (t) => {
    const project = t.project();
    project.workflow('one', 'return { run = function() return 1 end }');
    const before = await doctor(project);
    assert.strictEqual(before.ended.code, 0, before.ended);
    assert.match(before.found('home')[0].message, /\.tend isn't there yet; the first run makes it/);
    assert.strictEqual(project.exists('.tend'), false, 'it makes nothing');
    await project.run('one');
    const after = await doctor(project);
    assert.strictEqual(after.ended.json.ok, true, after.ended);
    for (const what of ['libraries', 'clock', 'files', 'disk', 'home', 'space', 'journal', 'runs', 'config', 'workflows', 'stdlib', 'settings'])
      assert.deepStrictEqual(after.states(what), ['ok'], after.ended);
    assert.match(after.found('disk')[0].message, /a durable write takes [\d.]+ ms \(\d+ a second\)/);
    assert.match(after.found('workflows')[0].message, /1 load/);
    assert.deepStrictEqual(fs.readdirSync(project.home).filter((name) => /doctor/.test(name)), []);
    const plain = await project.tend(['doctor']);
    assert.match(plain.stdout, /^ok {7}libraries {6}lua 5\.4/);
  });

  test('settings that are set are named, their values are not', async (t) => {
    const project = t.project();
    const { ended, found } = await doctor(project, { RAILWAY_TOKEN: 'very-secret', TEND_MODEL: 'openai/x', GITHUB_TOKEN: '' });
    assert.strictEqual(found('settings')[0].message, 'set in the environment: RAILWAY_TOKEN TEND_MODEL');
    assert.ok(!String(ended).includes('very-secret'));
  });

  test('what is wrong is said with what to do, exit 1', async (t) => {
    const project = t.project();
    project.workflow('good', 'return { run = function() end }');
    project.workflow('bad', 'return {\n  run = function( end\n}');
    project.write('tend.lua', 'return { limits = { watchdg = "1s" } }');
    fs.mkdirSync(project.home, { mode: 0o755 });
    fs.writeFileSync(path.join(project.home, 'journal.mdb'), 'no journal at all');
    for (const name of ['journal', 'data.mdb', 'runs']) fs.writeFileSync(path.join(project.home, name), 'x'.repeat(5000));
    const { ended, found, states } = await doctor(project);
    assert.strictEqual(ended.code, 1, ended);
    assert.strictEqual(ended.json.ok, false);
    assert.deepStrictEqual(states('workflow'), ['wrong']);
    assert.match(found('workflow')[0].message, /bad\.lua:2:/);
    assert.deepStrictEqual(states('config'), ['wrong']);
    assert.match(found('config')[0].message, /tend\.lua: limits: there is no limit 'watchdg'; there are/);
    assert.deepStrictEqual(states('home'), ['warning']);
    assert.match(found('home')[0].message, /chmod 700/);
    const other = await doctor(project, {}, '--workflows', 'none-such', '--home', 'tend.lua');
    assert.match(other.found('workflows')[0].message, /none-such can't be read/);
    assert.match(other.found('home')[0].message, /no folder; give another --home/);
  });

  test('runs that need a person, or an engine, are counted', async (t) => {
    const project = t.project();
    project.workflow('waits', 'return { run = function() step("a", function() end) sleep("1h") end }');
    const run = project.spawn(['run', 'waits', '--id', 'w']);
    await project.untilStep('w', 'sleep', 'waiting');
    const owned = await doctor(project);
    assert.match(owned.found('journal')[0].message, new RegExp(`process ${run.child.pid} owns it`));
    await run.end('SIGKILL');
    const left = await doctor(project);
    assert.deepStrictEqual(left.states('runs'), ['warning']);
    assert.match(left.found('runs')[0].message, /1 unfinished, and no engine runs: `tend serve`/);
    assert.strictEqual(left.ended.code, 0);
  });

  test('version tells the libraries too', async (t) => {
    const project = t.project();
    const ended = await project.tend(['version', '--json']);
    assert.match(ended.json.version, /^\d+\.\d+\.\d+$/);
    for (const name of ['lua', 'lmdb', 'libuv', 'yajl', 'libsodium', 'libcurl'])
      assert.match(ended.json.libraries[name], /^\d+\.\d+/, ended);
    assert.match((await project.tend(['--version'])).stdout, /^tend \d+\.\d+\.\d+\n$/);
  });
};
