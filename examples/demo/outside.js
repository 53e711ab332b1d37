'use strict';
// What can be known about the demo without asking tend: measured numbers, files, git, the agent's
// server. The claims of the demo are checked with these.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { spawn } = require('node:child_process');

const START_MS = 10000;
const GUEST_ORDER = '/orders/4/discount';

// How fast a service's resident memory grows, in MB a second: the slope of a straight line through
// what was measured between two moments.
function growth(service, fromMs, toMs = Date.now()) {
  const seen = service.instances
    .flatMap((one) => one.meter.samples)
    .filter((one) => one.at_ms >= fromMs && one.at_ms < toMs)
    .map((one) => ({ x: one.at_ms / 1000, y: one.memory_gb * 1000 }));
  const middle = (key) => seen.reduce((sum, one) => sum + one[key], 0) / seen.length;
  const [mx, my] = [middle('x'), middle('y')];
  const over = seen.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0);
  return over / seen.reduce((sum, { x }) => sum + (x - mx) ** 2, 0);
}

function megabytes(service) {
  return service.active.instance.meter.samples.at(-1).memory_gb * 1000;
}

function filesUnder(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) return filesUnder(at);
    return entry.isFile() ? [at] : [];
  });
}

// ["FILE holds NAME", …]: where a secret's value stands in plain bytes.
function leaks(folder, secrets) {
  return filesUnder(folder).flatMap((file) => {
    const bytes = fs.readFileSync(file);
    return Object.entries(secrets)
      .filter(([, value]) => bytes.includes(value))
      .map(([name]) => `${file} holds ${name}`);
  });
}

function statusOf(port, where) {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path: where, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
      .on('error', reject);
  });
}

// Starts the service of a checkout, asks for a guest's discount, and stops it.
async function guestDiscount(world, directory) {
  const child = spawn(process.execPath, ['src/server.js'], {
    cwd: directory,
    env: { PATH: process.env.PATH, PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
    ...(world.user && { uid: world.user.uid, gid: world.user.gid }),
  });
  try {
    return await statusOf(await portOf(child), GUEST_ORDER);
  } finally {
    child.kill('SIGKILL');
  }
}

function portOf(child) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the branch did not start')), START_MS);
    child.stdout.on('data', (chunk) => {
      const match = /"port":(\d+)/.exec(chunk);
      if (!match) return;
      clearTimeout(timer);
      resolve(Number(match[1]));
    });
  });
}

function at(session) {
  return `directory=${encodeURIComponent(session.directory)}`;
}

// All sessions that the agent's server has, of every folder.
function sessions(world) {
  return world.agent.ask('GET', '/experimental/session');
}

async function messages(world, session) {
  return world.agent.ask('GET', `/session/${session.id}/message?${at(session)}`);
}

// The session that is busy and has already used a tool, or null: in the middle of its work.
async function busySession(world) {
  for (const session of await sessions(world)) {
    const status = await world.agent.ask('GET', `/session/status?${at(session)}`);
    if (status[session.id]?.type !== 'busy') continue;
    const parts = (await messages(world, session)).flatMap((message) => message.parts);
    if (parts.some((part) => part.type === 'tool' && part.state.status === 'completed'))
      return session;
  }
  return null;
}

module.exports = { growth, megabytes, leaks, guestDiscount, sessions, messages, busySession };
