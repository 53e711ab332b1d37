'use strict';
// tend, as the demo uses it: the real program, with its own folder, home and settings.

const fs = require('node:fs');
const path = require('node:path');
const { execFile, spawn } = require('node:child_process');

const PROGRAM = process.env.TEND || path.join(__dirname, '..', '..', 'build', 'tend');
const GRACE_MS = 5000;
const ANSWER_MS = 20000;

const CONFIGURATION = ({
  project,
  environment,
}) => `-- The demo's settings: ordinary ones, in seconds where a real project would say minutes.
return {
  projects = {
    { project = "${project}", environment = "${environment}",
      token = secret "RAILWAY_TOKEN", mode = "pull_request" },
  },
  schedules = {
    monitor_project_health = { every = "5s", input = { window = "20s", step = "1s" } },
  },
  poll = "1s",
}
`;

class Tend {
  // folder: an existing folder, private to us. settings: environment variables of tend.
  constructor({ folder, project, settings }) {
    this.folder = folder;
    this.home = path.join(folder, '.tend');
    this.log = path.join(folder, 'tend.log');
    this.child = null;
    this.env = {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: path.join(folder, 'home'),
      ...settings,
    };
    fs.mkdirSync(path.join(folder, 'workflows'));
    fs.mkdirSync(this.env.HOME);
    fs.mkdirSync(this.home, { mode: 0o700 });
    fs.writeFileSync(path.join(folder, 'tend.lua'), CONFIGURATION(project));
  }

  static isBuilt() {
    return fs.existsSync(PROGRAM);
  }

  // New files are the group's too (umask 002): the agent works in clones that tend makes.
  serve() {
    const log = fs.openSync(this.log, 'a');
    const umask = process.umask(0o002);
    this.child = spawn(PROGRAM, ['serve', '--home', this.home], {
      cwd: this.folder,
      env: this.env,
      stdio: ['ignore', log, log],
    });
    process.umask(umask);
    fs.closeSync(log);
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    return this.child.pid;
  }

  get isRunning() {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  async kill(signal) {
    if (!this.isRunning) return;
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearTimeout(timer);
  }

  // Resolves to what the command printed.
  ask(...args) {
    return new Promise((resolve, reject) => {
      execFile(
        PROGRAM,
        [...args, '--home', this.home],
        { cwd: this.folder, env: this.env, timeout: ANSWER_MS, maxBuffer: 64 << 20 },
        (error, stdout, stderr) =>
          error
            ? reject(new Error(`tend ${args.join(' ')}: ${stderr.trim() || error.message}`))
            : resolve(stdout),
      );
    });
  }

  // [{id, workflow, status, …}]
  async runs(...filters) {
    const text = await this.ask('runs', '--json', '--limit', '1000', ...filters);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  // {run, steps}
  async show(id) {
    return JSON.parse(await this.ask('show', id, '--json'));
  }
}

module.exports = { Tend, PROGRAM };
