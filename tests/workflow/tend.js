'use strict';
// The real program in a folder of its own: what the workflow tests and the crash test drive.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');

const LIMIT_MS = Number(process.env.TEND_TEST_LIMIT_MS || 30000);

/** How a program ended: `code` or `signal`, and what it wrote. */
class Ended {
  constructor(code, signal, stdout, stderr) {
    Object.assign(this, { code, signal, stdout, stderr });
  }

  get json() {
    return JSON.parse(this.stdout);
  }

  toString() {
    return `exit ${this.signal || this.code}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`;
  }
}

/** A program that runs: `ended` is a promise of how it ends. */
class Running {
  constructor(child) {
    this.child = child;
    this.stdout = '';
    this.stderr = '';
    this.listeners = [];
    child.stdout.on('data', (chunk) => this.add('stdout', chunk));
    child.stderr.on('data', (chunk) => this.add('stderr', chunk));
    this.timer = setTimeout(() => {
      this.stderr += `\n(the test ended it after ${LIMIT_MS / 1000} s)\n`;
      child.kill('SIGKILL');
    }, LIMIT_MS);
    this.ended = new Promise((resolve) =>
      child.once('close', (code, signal) => {
        clearTimeout(this.timer);
        this.isOver = true;
        this.wakeListeners();
        resolve(new Ended(code, signal, this.stdout, this.stderr));
      }),
    );
  }

  add(stream, chunk) {
    this[stream] += chunk;
    this.wakeListeners();
  }

  wakeListeners() {
    for (const listener of this.listeners.splice(0)) listener();
  }

  /** Until stderr (a stream of progress) holds `pattern`. */
  async says(pattern) {
    while (!pattern.test(this.stderr)) {
      if (this.isOver) throw new Error(`ended before it said ${pattern}: ${this.stderr}`);
      await new Promise((resolve) => this.listeners.push(resolve));
    }
    return this.stderr.match(pattern);
  }

  /** Sends the signal to this one process and waits for its end. */
  async end(signal = 'SIGKILL') {
    if (!this.isOver) this.child.kill(signal);
    return this.ended;
  }
}

/** A project: a folder with workflows, a home, and the real `tend` run in it. */
class Project {
  constructor(build, { env = {}, home } = {}) {
    this.program = path.resolve(build, 'tend');
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tend-test-'));
    this.home = home || path.join(this.folder, '.tend');
    this.env = env;
    this.running = new Set();
    fs.mkdirSync(path.join(this.folder, 'workflows'));
  }

  path(...parts) {
    return path.join(this.folder, ...parts);
  }

  write(name, text) {
    const file = this.path(name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return file;
  }

  workflow(name, text) {
    return this.write(path.join('workflows', `${name}.lua`), text);
  }

  read(name) {
    return fs.readFileSync(this.path(name), 'utf8');
  }

  exists(name) {
    return fs.existsSync(this.path(name));
  }

  /** How many lines a file of the project has; none if it isn't there. */
  lines(name) {
    return this.exists(name) ? this.read(name).split('\n').filter(Boolean).length : 0;
  }

  /** Starts tend; `env` is all that it sees beside PATH and the project's own. */
  spawn(args, { env = {}, input, terminal = false } = {}) {
    // Standard input is a file: Node's pipes are sockets, which /dev/stdin can't open.
    const none = terminal ? 'pipe' : 'ignore';
    const stdin = input === undefined ? none : fs.openSync(this.write('stdin.txt', input));
    const child = spawn(this.program, args, {
      cwd: this.folder,
      env: { PATH: process.env.PATH, HOME: this.folder, LANG: 'C.UTF-8', ...this.env, ...env },
      stdio: [stdin, 'pipe', 'pipe'],
    });
    if (input !== undefined) fs.closeSync(stdin);
    const running = new Running(child);
    this.running.add(running);
    running.ended.then(() => this.running.delete(running));
    return running;
  }

  tend(args, options) {
    return this.spawn(args, options).ended;
  }

  run(target, args = [], options) {
    return this.tend(['run', target, '--json', ...args], options);
  }

  async show(id) {
    const ended = await this.tend(['show', id, '--json']);
    if (ended.code !== 0) throw new Error(`show ${id}: ${ended}`);
    return ended.json;
  }

  async runs(args = []) {
    const ended = await this.tend(['runs', '--json', ...args]);
    if (ended.code !== 0) throw new Error(`runs: ${ended}`);
    return ended.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  /** A `tend serve` that is ready. */
  async serve(options) {
    const server = this.spawn(['serve'], options);
    await server.says(/serving/);
    return server;
  }

  /** Until `probe` gives something true: for what a process does at its own time. */
  async until(what, probe, limitMs = 15000) {
    const end = Date.now() + limitMs;
    for (;;) {
      const value = await probe();
      if (value) return value;
      if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Until a step of a run has that status. */
  untilStep(id, key, status) {
    return this.until(`step ${key} of ${id} to be ${status}`, async () => {
      const ended = await this.tend(['show', id, '--json']);
      const step = ended.code === 0 && ended.json.steps.find((one) => one.key === key);
      return step && step.status === status && step;
    });
  }

  /** Is the text anywhere in what the home holds? */
  holds(text) {
    const needle = Buffer.from(text);
    return fs
      .readdirSync(this.home)
      .map((name) => path.join(this.home, name))
      .filter((file) => fs.statSync(file).isFile())
      .some((file) => fs.readFileSync(file).includes(needle));
  }

  async remove() {
    for (const running of [...this.running]) await running.end();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

module.exports = { Project };
