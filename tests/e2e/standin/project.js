'use strict';
// A small project as a platform would host it: services, their deployments, and the real processes
// behind them with their measurements, logs and access logs. railway.js tells about it.

const path = require('node:path');
const crypto = require('node:crypto');
const { spawn } = require('node:child_process');

const { AccessLog, Meter } = require('./meter');

const START_MS = 20000;
const GRACE_MS = 2000;

function now() {
  return new Date().toISOString();
}

// One process of a deployment.
class Instance {
  constructor(child) {
    this.id = crypto.randomUUID();
    this.status = 'RUNNING';
    this.child = child;
    this.pid = child.pid;
    this.meter = new Meter(child.pid);
  }
}

class Deployment {
  constructor(meta) {
    this.id = crypto.randomUUID();
    this.meta = meta;
    this.createdAt = now();
    this.instance = null;
    this.logs = [];
    this.buildLogs = [];
    this.access = null;
    this.port = null;
    this.become('BUILDING');
  }

  become(status) {
    this.status = status;
    this.statusUpdatedAt = now();
  }

  build(message) {
    this.buildLogs.push({ timestamp: now(), severity: 'info', message, attributes: [] });
  }

  // A line of the process; JSON lines become message, severity and attributes.
  log(line, stream) {
    if (!line) return;
    let fields = {};
    try {
      fields = JSON.parse(line);
    } catch {
      /* plain text */
    }
    const { level, message, ...rest } = fields !== null && typeof fields === 'object' ? fields : {};
    this.logs.push({
      at_ms: Date.now(),
      severity: level ?? (stream === 'stderr' ? 'error' : 'info'),
      message: message ?? line,
      attributes: Object.entries(rest).map(([key, value]) => ({
        key,
        value: typeof value === 'string' ? value : JSON.stringify(value),
      })),
    });
  }
}

function watchLines(source, each) {
  let rest = '';
  source.setEncoding('utf8');
  source.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    lines.forEach(each);
  });
}

function started(child, deployment) {
  return new Promise((resolve, reject) => {
    const fail = (why) =>
      reject(new Error(`${why}: ${deployment.logs.map((l) => l.message).join('\n')}`));
    const timer = setTimeout(() => fail('the service did not start'), START_MS);
    child.once('exit', (code) => fail(`the service ended with ${code}`));
    watchLines(child.stdout, (line) => {
      deployment.log(line, 'stdout');
      const port = /"listening","port":(\d+)/.exec(line);
      if (!port) return;
      clearTimeout(timer);
      resolve(Number(port[1]));
    });
  });
}

class Service {
  // {name, source, limits: {cpu, memory_gb}, domain, branch, start, volume, variables}
  constructor(options) {
    this.id = crypto.randomUUID();
    this.instanceId = crypto.randomUUID();
    this.triggerId = crypto.randomUUID();
    this.deployments = []; /* newest first */
    this.variables = [];
    Object.assign(this, options);
  }

  get active() {
    return this.deployments.find((one) => one.status === 'SUCCESS') ?? null;
  }

  get instances() {
    return this.deployments.flatMap((one) => (one.instance ? [one.instance] : []));
  }

  get requests() {
    return this.deployments
      .flatMap((one) => one.access?.entries ?? [])
      .sort((a, b) => a.at_ms - b.at_ms);
  }

  // Starts the program in `directory` as a new deployment; the one before goes on until the new one
  // listens, then it is removed. Programs that don't listen (waits = false) count as up at once.
  // user {uid, gid}: who it runs as.
  async deploy({ directory, args, meta = {}, logs, built = [], waits = true, user = null }) {
    const before = this.active;
    const deployment = new Deployment(meta);
    this.deployments.unshift(deployment);
    built.forEach((line) => deployment.build(line));
    deployment.access = new AccessLog(path.join(logs, `${deployment.id}.log`));
    const child = spawn(process.execPath, args, {
      cwd: directory,
      env: { PATH: process.env.PATH, PORT: '0', ACCESS_LOG: deployment.access.file },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    watchLines(child.stderr, (line) => deployment.log(line, 'stderr'));
    deployment.become('DEPLOYING');
    deployment.instance = new Instance(child);
    this.watch(deployment);
    if (waits) deployment.port = await started(child, deployment);
    deployment.become('SUCCESS');
    if (before) await this.remove(before);
    return deployment;
  }

  watch(deployment) {
    const { instance } = deployment;
    instance.child.once('exit', () => {
      instance.meter.stop();
      if (deployment.status === 'REMOVING') return;
      instance.status = 'CRASHED';
      deployment.become('CRASHED');
    });
  }

  async remove(deployment) {
    deployment.become('REMOVING');
    await end(deployment.instance.child);
    deployment.instance.status = 'REMOVED';
    deployment.become('REMOVED');
  }

  // An end without a deployment record: the world is over.
  async stop() {
    for (const deployment of this.deployments) {
      if (deployment.instance?.child.exitCode === null) await this.remove(deployment);
    }
  }
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await gone;
  clearTimeout(timer);
}

class Project {
  constructor(name) {
    this.id = crypto.randomUUID();
    this.name = name;
    this.environment = { id: crypto.randomUUID(), name: 'production' };
    this.services = [];
    this.platform = { isStable: true, incident: null };
  }

  add(options) {
    const service = new Service(options);
    this.services.push(service);
    return service;
  }

  async stop() {
    await Promise.all(this.services.map((service) => service.stop()));
  }
}

module.exports = { Project };
