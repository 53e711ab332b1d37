'use strict';
// Starts the real coding agent's server (OpenCode, pinned in package.json) the way a team would:
// before tend, with a password, an environment of its own, and as another user where we are root.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { setTimeout: wait } = require('node:timers/promises');

const START_MS = 60000;
const GRACE_MS = 2000;

// npm's install scripts may be blocked, so the platform package's program is used directly.
function program() {
  if (process.env.TEND_OPENCODE) return process.env.TEND_OPENCODE;
  const base = `opencode-linux-${os.arch()}`;
  const isOld = os.arch() === 'x64' && !/\bavx2\b/.test(fs.readFileSync('/proc/cpuinfo', 'utf8'));
  const names = isOld ? [`${base}-baseline`] : [base, `${base}-baseline`, `${base}-musl`];
  for (const name of names) {
    const file = path.join(__dirname, '..', 'node_modules', name, 'bin', 'opencode');
    if (fs.existsSync(file)) return file;
  }
  throw new Error(
    'OpenCode is not installed: run `npm ci --ignore-scripts` in tests/e2e, ' +
      'or name a program in TEND_OPENCODE',
  );
}

// Every folder above must let others pass; a clone under a private home doesn't.
function isReachable(file) {
  for (let at = fs.realpathSync(file); at !== '/'; at = path.dirname(at)) {
    if (!(fs.statSync(at).mode & 0o001)) return false;
  }
  return true;
}

function reachable(file, home) {
  if (isReachable(file)) return file;
  const copy = path.join(home, 'opencode');
  fs.copyFileSync(file, copy, fs.constants.COPYFILE_FICLONE);
  fs.chmodSync(copy, 0o755);
  return copy;
}

function configuration(model) {
  return {
    autoupdate: false,
    share: 'disabled',
    model: `local/${model.name}`,
    provider: {
      local: {
        npm: '@ai-sdk/openai-compatible',
        options: { baseURL: model.base_url, apiKey: model.key },
        models: { [model.name]: { limit: { context: 100000, output: 8000 } } },
      },
    },
  };
}

// The clones belong to the user of tend, so git must be told that they may be used.
const GITCONFIG = '[safe]\n\tdirectory = *\n';

function furnish(home, model, user) {
  const config = path.join(home, '.config', 'opencode');
  fs.mkdirSync(config, { recursive: true });
  fs.writeFileSync(
    path.join(config, 'opencode.json'),
    JSON.stringify(configuration(model), null, 2),
  );
  fs.writeFileSync(path.join(home, '.gitconfig'), GITCONFIG);
  if (!user) return;
  for (const file of [
    '',
    '.config',
    '.config/opencode',
    '.config/opencode/opencode.json',
    '.gitconfig',
  ]) {
    fs.chownSync(path.join(home, file), user.uid, user.gid);
  }
  fs.chmodSync(home, 0o700);
}

function environment(home, password) {
  return {
    PATH: [...new Set([path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'])].join(
      ':',
    ),
    HOME: home,
    LANG: 'C.UTF-8',
    OPENCODE_SERVER_PASSWORD: password,
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    /* a plugin in the repository would run inside the server and see its password */
    OPENCODE_DISABLE_PROJECT_CONFIG: '1',
  };
}

function address(child, output) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`OpenCode did not start:\n${output.text}`)),
      START_MS,
    );
    child.stdout.on('data', () => {
      const match = /listening on (http:\/\/\S+)/.exec(output.text);
      if (!match) return;
      clearTimeout(timer);
      resolve(match[1]);
    });
    child.on('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`OpenCode ended with ${code}:\n${output.text}`));
    });
  });
}

// SIGTERM often doesn't end it (measured), so after a grace SIGKILL; its children share its group.
async function stop(child) {
  if (child.exitCode !== null || child.signalCode) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  signal(child, 'SIGTERM');
  await Promise.race([ended, wait(GRACE_MS)]);
  signal(child, 'SIGKILL');
  await ended;
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

// home: an existing empty folder. user: {uid, gid} or null. model: {name, base_url, key}.
// on_spawn(stop): called as soon as there is a process to stop.
// Returns {url, pid, output: {text}, ask(method, path, body), stop()}.
async function startOpenCode({ home, user = null, password, model, on_spawn: onSpawn = () => {} }) {
  furnish(home, model, user);
  const child = spawn(
    reachable(program(), home),
    ['serve', '--port', '0', '--hostname', '127.0.0.1'],
    {
      cwd: home,
      env: environment(home, password),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(user && { uid: user.uid, gid: user.gid }),
    },
  );
  onSpawn(() => stop(child));
  const output = { text: '' };
  for (const source of [child.stdout, child.stderr]) {
    source.on('data', (chunk) => {
      output.text = (output.text + chunk).slice(-100000);
    });
  }
  const url = await address(child, output);
  const authorization = `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}`;
  return {
    url,
    pid: child.pid,
    output,
    ask: async (method, where, body) => {
      const response = await fetch(url + where, {
        method,
        headers: { authorization, 'content-type': 'application/json' },
        body: body && JSON.stringify(body),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${text}`);
      return text ? JSON.parse(text) : null;
    },
    stop: () => stop(child),
  };
}

module.exports = { startOpenCode };
