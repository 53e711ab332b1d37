'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { setTimeout: wait } = require('node:timers/promises');

const script = require('../../examples/demo/script');
const { git, identity } = require('./standin/git');
const { startModel } = require('./standin/model');
const { startOpenCode } = require('./standin/opencode');
const { agentUser } = require('./standin/user');

const SHOP = path.join(__dirname, '..', '..', 'examples', 'demo', 'shop');
const PASSWORD = 'a-password';
const KEY = 'a-key';
const DEADLINE_MS = 60000;

let root;
let user;
let model;
let opencode;

before(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'tend-e2e-'));
  fs.chmodSync(root, 0o711);
  user = agentUser();
  const home = path.join(root, 'agent');
  fs.mkdirSync(home);
  if (user) fs.chownSync(home, user.uid, user.gid);
  model = await startModel({ script, keys: [KEY], turn_ms: 100 });
  opencode = await startOpenCode({
    home,
    user,
    password: PASSWORD,
    model: { name: model.name, base_url: model.base_url, key: KEY },
  });
});

after(async () => {
  await opencode?.stop();
  await model?.close();
  user?.remove();
  fs.rmSync(root, { recursive: true, force: true });
});

// A clone as tend makes it: owned by the host, writable for the agent's group, no remote.
async function clone(name) {
  const directory = path.join(root, name);
  fs.cpSync(SHOP, directory, { recursive: true });
  await git(directory, ['init', '-q', '-b', 'main']);
  await git(directory, ['config', 'user.name', 'agent']);
  await git(directory, ['config', 'user.email', 'agent@localhost']);
  await git(directory, ['add', '-A']);
  await git(directory, ['commit', '-q', '-m', 'shop'], identity('t', 't@localhost'));
  if (user) share(directory);
  return directory;
}

function share(at) {
  fs.chownSync(at, 0, user.gid);
  const isFolder = fs.statSync(at).isDirectory();
  fs.chmodSync(at, isFolder ? 0o2775 : fs.statSync(at).mode | 0o020);
  if (isFolder) fs.readdirSync(at).forEach((name) => share(path.join(at, name)));
}

const ALLOWED = ['read', 'glob', 'grep', 'list', 'todowrite', 'edit', 'bash'];

async function prompt(directory, text) {
  const at = `?directory=${encodeURIComponent(directory)}`;
  const session = await opencode.ask('POST', `/session${at}`, {
    title: 'a test',
    permission: [
      { permission: '*', pattern: '*', action: 'deny' },
      ...ALLOWED.map((permission) => ({ permission, pattern: '*', action: 'allow' })),
    ],
  });
  await opencode.ask('POST', `/session/${session.id}/prompt_async${at}`, {
    messageID: 'msg_0001',
    model: { providerID: 'local', modelID: model.name },
    parts: [{ type: 'text', text }],
  });
  return finished(session.id, at);
}

async function finished(id, at) {
  const until = Date.now() + DEADLINE_MS;
  while (Date.now() < until) {
    await wait(200);
    const messages = await opencode.ask('GET', `/session/${id}/message${at}`);
    const { info } = messages.at(-1);
    const isOver = info.error || (info.time.completed && info.finish !== 'tool-calls');
    if (info.role === 'assistant' && isOver) return messages;
  }
  throw new Error(`the session did not end:\n${opencode.output.text}`);
}

test('the real agent, led by the scripted model, mends the shop and commits', async () => {
  const directory = await clone('shop');
  const messages = await prompt(directory, 'Mend the shop.');
  const last = messages.at(-1);
  const told = last.parts
    .filter((part) => part.type === 'text')
    .map((part) => part.text)
    .join('');
  assert.strictEqual(last.info.finish, 'stop', JSON.stringify(messages.slice(-3), null, 1));
  assert.match(told, /scripted model/);
  const at = ['-c', `safe.directory=${directory}`];
  const changed = await git(directory, [...at, 'diff', '--name-only', 'HEAD~1', 'HEAD']);
  assert.deepStrictEqual(changed.split('\n'), script.files);
  assert.strictEqual(await git(directory, [...at, 'status', '--porcelain']), '');
});

test(
  'the agent is another user and its shell holds no token',
  { skip: process.getuid() !== 0 },
  () => {
    const status = fs.readFileSync(`/proc/${opencode.pid}/status`, 'utf8');
    assert.match(status, new RegExp(`^Uid:\\s+${user.uid}\\s`, 'm'));
    const environment = fs.readFileSync(`/proc/${opencode.pid}/environ`, 'utf8');
    assert.doesNotMatch(environment, /GITHUB|RAILWAY|OPENAI/);
  },
);

test('a server with a password lets nobody in without it', async () => {
  assert.strictEqual((await fetch(`${opencode.url}/session`)).status, 401);
});
