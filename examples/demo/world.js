'use strict';
// The world around tend in the demo, all of it on loopback and in one temporary folder:
//   remotes/acme/shop.git   the service's repository (bare), what GitHub would host
//   releases/SHA            what runs of it
//   logs/                   access logs
//   agent/                  the home of the coding agent's server, another user's where we are root
//   workspace/              where tend puts clones for the agent: shared by group, nothing else is
//   tend/                   tend's project folder and home, closed to everyone else

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');

const standin = (name) =>
  require(path.join(__dirname, '..', '..', 'tests', 'e2e', 'standin', name));
const { git, identity } = standin('git');
const { Project } = standin('project');
const { agentUser } = standin('user');
const { startGitHub } = standin('github');
const { startModel } = standin('model');
const { startOpenCode } = standin('opencode');
const { startRailway } = standin('railway');

const script = require('./script');
const { Load } = require('./load');

const REPOSITORY = 'acme/shop';
const LIMITS = { cpu: 1, memory_gb: 0.256 };
const DEVELOPER = identity('Mo Developer', 'mo@acme.example');

function secretOf(kind) {
  return `${kind}-${crypto.randomBytes(16).toString('hex')}`;
}

// Where a real model is asked for, its key; otherwise the scripted one's.
function realModel() {
  const { OPENAI_API_KEY: key, TEND_MODEL: model, OPENAI_BASE_URL: url } = process.env;
  if (!key || !model) return null;
  return {
    key,
    base_url: url || 'https://api.openai.com/v1',
    name: model.replace(/^openai\//, ''),
  };
}

class World {
  constructor() {
    this.repository = REPOSITORY;
    this.stops = []; /* what to undo, in reverse */
    this.isOver = false;
    this.secrets = {
      railway: secretOf('railway'),
      github: secretOf('ghp'),
      reviewer: secretOf('ghr'),
      opencode: secretOf('opencode'),
      model: realModel()?.key ?? secretOf('sk'),
    };
  }

  // Remembers what undoes a thing that was just done. What is done after the end is undone at once.
  onStop(undo) {
    if (!this.isOver) return this.stops.push(undo);
    Promise.resolve(undo()).catch(() => {});
    throw new Error('the demo is over');
  }

  folder(name, mode = 0o700) {
    const at = path.join(this.root, name);
    fs.mkdirSync(at, { recursive: true });
    fs.chmodSync(at, mode);
    return at;
  }

  // The folder that others may pass through, but not list; and who else there is.
  prepare() {
    this.root = fs.mkdtempSync(path.join(os.tmpdir(), 'tend-demo-'));
    fs.chmodSync(this.root, 0o711);
    this.onStop(() => fs.rmSync(this.root, { recursive: true, force: true }));
    this.user = agentUser();
    this.onStop(() => this.user?.remove());
    this.workspace = this.folder('workspace', this.user ? 0o2770 : 0o700);
    this.logs = this.folder('logs');
    this.agentHome = this.folder('agent');
    if (!this.user) return;
    fs.chownSync(this.workspace, 0, this.user.gid);
    fs.chownSync(this.logs, this.user.uid, this.user.gid);
    fs.chownSync(this.agentHome, this.user.uid, this.user.gid);
  }

  async createRepository() {
    this.remotes = this.folder('remotes');
    this.bare = path.join(this.remotes, `${REPOSITORY}.git`);
    const work = this.folder('developer');
    fs.cpSync(path.join(__dirname, 'shop'), work, { recursive: true });
    fs.mkdirSync(this.bare, { recursive: true });
    await git(this.bare, ['init', '-q', '--bare', '-b', 'main']);
    await git(work, ['init', '-q', '-b', 'main']);
    await git(work, ['add', '-A']);
    await git(work, ['commit', '-q', '-m', 'shop 1.4.2: keep an audit trail'], DEVELOPER);
    await git(work, ['push', '-q', `file://${this.bare}`, 'main']);
  }

  async startStandIns() {
    this.project = new Project('coffee');
    this.onStop(() => this.project.stop());
    this.railway = await startRailway({
      project: this.project,
      tokens: { project: this.secrets.railway },
    });
    this.onStop(() => this.railway.close());
    this.github = await startGitHub({
      repositories: [{ full_name: REPOSITORY, folder: this.bare, default_branch: 'main' }],
      accounts: [
        { login: 'tend-bot', token: this.secrets.github, type: 'Bot' },
        { login: 'rita-reviewer', token: this.secrets.reviewer, can_merge: true },
      ],
    });
    this.onStop(() => this.github.close());
    await this.startModel();
  }

  async startModel() {
    this.model = realModel();
    this.isScripted = this.model === null;
    if (!this.isScripted) return;
    const scripted = await startModel({ script, keys: [this.secrets.model] });
    this.onStop(() => scripted.close());
    this.model = {
      key: this.secrets.model,
      base_url: scripted.base_url,
      name: scripted.name,
      seen: scripted.seen,
      events: scripted.events,
    };
  }

  async startAgent() {
    this.agent = await startOpenCode({
      home: this.agentHome,
      user: this.user,
      password: this.secrets.opencode,
      model: this.model,
      on_spawn: (stop) => this.onStop(stop),
    });
  }

  // A checkout of the commit, as a platform would make one; its lines are the build's log.
  async checkout(commit) {
    const directory = path.join(this.folder('releases', 0o755), commit);
    await git(this.root, ['clone', '-q', `file://${this.bare}`, directory]);
    await git(directory, ['checkout', '-q', commit]);
    return directory;
  }

  // The branch's newest commit as a new deployment of the shop.
  async deploy(branch = 'main') {
    const commit = await git(this.bare, ['rev-parse', `refs/heads/${branch}`]);
    const directory = await this.checkout(commit);
    return this.shop.deploy({
      directory,
      args: ['src/server.js'],
      logs: this.logs,
      user: this.user,
      meta: {
        repo: REPOSITORY,
        branch,
        commitHash: commit,
        commitMessage: await git(this.bare, ['log', '-1', '--format=%s', commit]),
      },
      built: [`cloned ${REPOSITORY} at ${commit}`, 'no dependencies to install'],
    });
  }

  async startServices() {
    this.shop = this.project.add({
      name: 'shop',
      source: { repo: REPOSITORY, image: null },
      branch: 'main',
      domain: 'shop.acme.example',
      healthcheck: '/health',
      limits: LIMITS,
      start: 'node src/server.js',
      variables: [{ name: 'PORT' }, { name: 'ACCESS_LOG' }],
    });
    const worker = this.project.add({
      name: 'worker',
      source: { repo: null, image: 'acme/worker:3' },
      limits: LIMITS,
      start: 'node worker.js',
      variables: [{ name: 'DATABASE_URL', references: ['postgres.DATABASE_URL'] }],
    });
    const postgres = this.project.add({
      name: 'postgres',
      source: { repo: null, image: 'postgres:16' },
      limits: LIMITS,
      volume: {
        id: crypto.randomUUID(),
        mountPath: '/var/lib/postgresql/data',
        currentSizeMB: 112,
        sizeMB: 500,
      },
    });
    await this.deploy();
    for (const service of [worker, postgres]) {
      await service.deploy({
        directory: __dirname,
        args: ['idle.js'],
        logs: this.logs,
        waits: false,
      });
    }
    this.load = new Load(() => this.shop.active?.port);
    this.onStop(() => this.load.stop());
  }

  // What tend is told about all this, in its environment.
  settings() {
    return {
      RAILWAY_API_URL: this.railway.graphql_url,
      RAILWAY_TOKEN: this.secrets.railway,
      OPENAI_BASE_URL: this.model.base_url,
      OPENAI_API_KEY: this.secrets.model,
      TEND_MODEL: `openai/${this.model.name}`,
      OPENCODE_BASE_URL: this.agent.url,
      OPENCODE_SERVER_PASSWORD: this.secrets.opencode,
      TEND_AGENT_MODEL: `local/${this.model.name}`,
      TEND_WORKSPACE: this.workspace,
      GITHUB_API_URL: this.github.url,
      GITHUB_TOKEN: this.secrets.github,
      GITHUB_GIT_URL: `file://${this.remotes}/{repo}.git`,
    };
  }

  // A program of the service's repository, as the other user: it is code that a model wrote.
  run(directory, args) {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, args, {
        cwd: directory,
        env: { PATH: process.env.PATH, PORT: '0' },
        stdio: ['ignore', 'pipe', 'pipe'],
        ...(this.user && { uid: this.user.uid, gid: this.user.gid }),
      });
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      child.stderr.on('data', (chunk) => {
        output += chunk;
      });
      child.on('close', (code) => resolve({ code, output }));
    });
  }

  async stop() {
    this.isOver = true;
    for (const undo of this.stops.reverse().splice(0)) {
      try {
        await undo();
      } catch (error) {
        console.error(`while stopping: ${error.message}`);
      }
    }
  }
}

module.exports = { World };
