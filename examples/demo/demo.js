'use strict';
// `make demo`: a sick service becomes a pull request, and survives kill -9.
// Everything is real but three stand-ins on loopback: Railway's API (told from measured numbers of
// the real service), GitHub's (over a real bare repository) and, without OPENAI_API_KEY and
// TEND_MODEL, the model (scripted, and says so). Prints a story, then checks from outside what it
// claims, then `N passed, M failed`. KEEP=1 leaves everything running until Ctrl-C.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: wait } = require('node:timers/promises');

const outside = require('./outside');
const { A_SECOND } = require('./load');
const { Checks, block, chapter, tell } = require('./story');
const { Reviewer } = require('./reviewer');
const { PROGRAM, Tend } = require('./tend');
const { World } = require('./world');

const GIVE_UP_MS = 5 * 60 * 1000;
const WARM_UP_MS = 27000; /* a whole window of 20 s, after the few seconds in which Node grows */
const SETTLE_MS = 5000; /* the same, of the new process */
const DOWN_MS = 2000;
const LOOK_MS = 500;
const TAIL_LINES = 60;

class Demo {
  constructor() {
    this.world = new World();
    this.checks = new Checks();
    this.known = new Map(); /* run id -> status that was told */
    this.hasEnded = false;
  }

  // Waits until look() gives something; tells meanwhile how tend's runs go on.
  async until(what, look) {
    for (;;) {
      if (this.hasEnded) throw new Error(`stopped while waiting for ${what}`);
      if (!this.mayBeDown && !this.tend.isRunning) throw new Error('tend serve ended by itself');
      const found = await look();
      if (found) return found;
      await wait(LOOK_MS);
      await this.tellRuns();
    }
  }

  async tellRuns() {
    if (!this.tend?.isRunning) return;
    const runs = await this.tend.runs().catch(() => []);
    for (const run of runs.reverse()) {
      const isDull = run.workflow === 'monitor_project_health' && run.status !== 'failed';
      if (isDull || this.known.get(run.id) === run.status) continue;
      this.known.set(run.id, run.status);
      tell(`tend: ${run.workflow} is ${run.status}`);
    }
  }

  async prepare() {
    const { world } = this;
    chapter('a small project, with one sick service');
    world.prepare();
    tell(`everything lies in ${world.root}`);
    await world.createRepository();
    await world.startStandIns();
    await world.startServices();
    const { active } = world.shop;
    tell(
      `shop runs as process ${active.instance.pid} from ${active.meta.commitHash.slice(0, 12)}: ` +
        '256 MB, one vCPU, and two bugs that its tests do not see',
    );
    tell(
      `customers ask ${A_SECOND} times a second; a quarter of them are guests who want a discount`,
    );
    this.startedAt = Date.now();
    await this.prepareAgent();
    await this.warmUp();
  }

  async prepareAgent() {
    const { world } = this;
    await world.startAgent();
    const who = world.user
      ? `the user ${world.user.name}, who can't read tend's home`
      : 'the same user as tend, because this is not root: in earnest give it a user of its own';
    tell(`the coding agent's server (OpenCode) runs as ${who}`);
    tell(
      world.isScripted
        ? 'the model is a scripted one: it plays a prepared script; only the thinking is not real'
        : `the model is ${world.model.name}: a real one`,
    );
    world.model.events?.on('agent', ({ text }) => tell(`agent: ${text}`));
    world.model.events?.on('plan', () => tell('model: asked for a plan'));
    this.reviewer = new Reviewer(world);
    this.tend = new Tend({
      folder: world.folder('tend'),
      settings: world.settings(),
      project: { project: world.project.id, environment: world.project.environment.id },
    });
    world.onStop(() => this.tend.kill('SIGTERM'));
  }

  async warmUp() {
    const left = this.startedAt + WARM_UP_MS - Date.now();
    tell(`${Math.ceil(left / 1000)} s of this first: a look judges 20 s`);
    await wait(Math.max(0, left));
    const { shop, load } = this.world;
    this.before = {
      growth: outside.growth(shop, this.startedAt + SETTLE_MS),
      ...load.since(this.startedAt + SETTLE_MS),
    };
    tell(
      `measured: ${outside.megabytes(shop).toFixed(0)} MB and growing by ` +
        `${this.before.growth.toFixed(2)} MB/s; ${this.before.failed} of ${this.before.requests} ` +
        'requests failed',
    );
  }

  async untilPullRequest() {
    chapter('tend serve: a look every 5 s');
    tell(`tend runs as process ${this.serve()}`);
    const session = await this.until('the agent at work', () => outside.busySession(this.world));
    chapter('kill -9, while the agent works');
    this.mayBeDown = true;
    this.plansBefore = this.plansAsked();
    await this.tend.kill('SIGKILL');
    tell(`tend is dead; the agent's session ${session.id} goes on`);
    await wait(DOWN_MS);
    tell(`tend runs again, as process ${this.serve()}`);
    this.mayBeDown = false;
    this.pull = await this.until('a pull request', async () => {
      const [pull] = await this.reviewer.pulls();
      if (!pull) await this.stillHandled();
      return pull;
    });
    tell(`a pull request: #${this.pull.number} of ${this.pull.user.login}`);
  }

  serve() {
    if (this.hasEnded) throw new Error('the demo is over');
    return this.tend.serve();
  }

  // An incident whose handling is over without a pull request would be waited for in vain.
  async stillHandled() {
    const [run] = await this.tend.runs('--workflow', 'handle_incident');
    if (!run || !['completed', 'failed', 'blocked', 'stuck', 'cancelled'].includes(run.status))
      return;
    throw new Error(`handle_incident is ${run.status}:\n${await this.tend.ask('show', run.id)}`);
  }

  plansAsked() {
    return (this.world.model.seen ?? []).filter((one) => one.kind === 'plan').length;
  }

  async review() {
    const { checks, reviewer, world, pull } = this;
    chapter('the reviewer looks at it');
    console.log('');
    block(`${pull.draft ? '[draft] ' : ''}${pull.title}\n\n${pull.body}`);
    console.log('');
    await checks.check(
      'the pull request is a draft, from a branch of tend',
      () => pull.draft && pull.head.ref.startsWith('tend/'),
    );
    await checks.check(
      "its body explains: a table of numbers, causes, and tend's marker",
      () =>
        /^\|.*\|/m.test(pull.body) && /cause/i.test(pull.body) && pull.body.includes('<!-- tend '),
    );
    const commits = await reviewer.pull(pull.number, '/commits');
    await checks.check(
      'it is one commit on main, by tend and not by the agent',
      () => commits.length === 1 && commits[0].commit.author.name === 'tend',
    );
    const files = (await reviewer.pull(pull.number, '/files')).map((one) => one.filename);
    tell(`it changes ${files.join(', ')}`);
    const branch = await world.checkout(pull.head.sha);
    const tests = await world.run(branch, ['--test']);
    if (tests.code !== 0) block(tests.output);
    await checks.check("the service's tests pass on the branch of the remote", tests.code === 0);
    await checks.check(
      'the branch answers guests: the fix is there',
      async () => (await outside.guestDiscount(world, branch)) === 200,
    );
  }

  async merge() {
    const { reviewer, world } = this;
    chapter('the reviewer merges, the platform deploys');
    await reviewer.ready(this.pull);
    const { sha } = await reviewer.merge(this.pull);
    tell(`marked ready and merged as ${sha.slice(0, 12)}`);
    const deployment = await world.deploy();
    this.mergedAs = sha;
    this.deployedAt = Date.now();
    tell(`shop runs as process ${deployment.instance.pid} from main; the old process is removed`);
    await this.checks.check(
      'the deployment that serves is of the merge commit',
      () => deployment.meta.commitHash === sha && deployment.status === 'SUCCESS',
    );
  }

  async recover() {
    chapter('tend looks whether that helped');
    const run = await this.until('the end of handle_incident', async () => {
      const [found] = await this.tend.runs('--workflow', 'handle_incident');
      if (found?.status !== 'completed') await this.stillHandled();
      return found?.status === 'completed' && found;
    });
    this.shown = await this.tend.show(run.id);
    const { verdict } = this.shown.run.result;
    console.log(`\nverdict: ${verdict}\n`);
    const { shop, load } = this.world;
    this.after = {
      growth: outside.growth(shop, this.deployedAt + SETTLE_MS),
      ...load.since(this.deployedAt + SETTLE_MS),
    };
    tell(
      `measured: ${outside.megabytes(shop).toFixed(0)} MB and growing by ` +
        `${this.after.growth.toFixed(2)} MB/s; ${this.after.failed} of ${this.after.requests} ` +
        'requests failed',
    );
    await this.checks.check('tend says recovered', verdict === 'recovered');
  }

  async checkFromOutside() {
    const { checks, world, reviewer, tend } = this;
    chapter('the claims, checked from outside');
    await checks.check(
      `the leak is gone: ${this.before.growth.toFixed(2)} MB/s before, ` +
        `${this.after.growth.toFixed(2)} MB/s after, measured`,
      () => this.before.growth > 1 && this.after.growth < this.before.growth / 2,
    );
    await checks.check(
      `the failures are gone: ${(this.before.share * 100).toFixed(0)} % before, ` +
        `${(this.after.share * 100).toFixed(0)} % after`,
      () => this.before.share > 0.2 && this.after.share === 0 && this.after.requests > 100,
    );
    await checks.check(
      'exactly one pull request exists',
      async () => (await reviewer.pulls()).length === 1,
    );
    await checks.check('only the reviewer marked it ready and merged it', () =>
      world.github
        .repository(world.repository)
        .events.filter(({ action }) => ['merged', 'ready_for_review'].includes(action))
        .every(({ actor }) => actor === 'rita-reviewer'),
    );
    await checks.check(
      'one incident was handled, by one run, through the kill',
      async () => (await tend.runs('--workflow', 'handle_incident')).length === 1,
    );
    await this.checkAgent();
    await this.checkSecrets();
  }

  async checkAgent() {
    const { checks, world } = this;
    const all = await outside.sessions(world);
    await checks.check('the agent was started once: one session', () => all.length === 1);
    await checks.check('and given its task once: one message, once in it', async () => {
      // A command that the host runs through the session's shell makes a message of its own, whose
      // text is OpenCode's and marked so.
      const texts = (await outside.messages(world, all[0]))
        .filter(({ info }) => info.role === 'user')
        .flatMap(({ parts }) => parts)
        .filter((part) => part.type === 'text' && !part.synthetic);
      return texts.length === 1;
    });
    if (world.user) {
      const look = `require('fs').readdirSync(${JSON.stringify(this.tend.home)})`;
      await checks.check("the agent's user can't read tend's home", async () =>
        /EACCES/.test((await world.run('/', ['-e', look])).output),
      );
    }
    if (!world.isScripted) return;
    await checks.check(
      'the plan was asked for once: the kill did not pay it again',
      () => this.plansBefore === 1 && this.plansAsked() === 1,
    );
  }

  async checkSecrets() {
    const { checks, world, tend } = this;
    const found = outside.leaks(tend.folder, world.secrets);
    found.forEach((one) => tell(one));
    await checks.check(
      'no secret stands in a file of tend: journal, inbox, log',
      found.length === 0,
    );
    const told = JSON.stringify([this.shown, await reviewerSees(this)]);
    await checks.check('nor in what tend shows, nor in the pull request', () =>
      Object.values(world.secrets).every((value) => !told.includes(value)),
    );
  }

  async play() {
    await this.prepare();
    await this.untilPullRequest();
    await this.review();
    await this.merge();
    await this.recover();
    await this.checkFromOutside();
  }

  tails() {
    const logs = [
      ['tend serve', () => fs.readFileSync(this.tend.log, 'utf8')],
      ['OpenCode', () => this.world.agent.output.text],
    ];
    for (const [name, read] of logs) {
      try {
        console.log(`\n-- the end of what ${name} said`);
        block(read().trimEnd().split('\n').slice(-TAIL_LINES).join('\n'));
      } catch {
        block('(nothing)');
      }
    }
  }

  async tellState() {
    if (!this.tend) return;
    const runs = await this.tend.runs().catch((error) => [{ error: error.message }]);
    console.log("\n-- tend's runs");
    block(runs.map((run) => JSON.stringify(run)).join('\n'));
    for (const run of runs.filter((one) =>
      ['handle_incident', 'generate_fix'].includes(one.workflow),
    )) {
      block(await this.tend.ask('show', run.id).catch((error) => error.message));
    }
  }

  async end() {
    this.hasEnded = true;
    this.mayBeDown = true;
    await this.world.stop();
  }
}

async function reviewerSees(demo) {
  const { reviewer, pull, world } = demo;
  return [
    await reviewer.pull(pull.number),
    await reviewer.ask('GET', `/repos/${world.repository}/issues/${pull.number}/comments`),
  ];
}

// KEEP=1: how to look at it, and how to stop it.
function tellHowToLook(demo) {
  const { tend, world } = demo;
  const file = path.join(tend.folder, 'environment');
  fs.writeFileSync(
    file,
    Object.entries(world.settings())
      .map(([name, value]) => `export ${name}='${value}'\n`)
      .join(''),
    { mode: 0o600 },
  );
  console.log(
    '\nEverything goes on running. To look at it:\n' +
      `  cd ${tend.folder} && . ./environment\n` +
      `  ${PROGRAM} runs\n  ${PROGRAM} show ID\n  tail -f ${tend.log}\n` +
      `To stop and remove it: Ctrl-C here, or kill -INT ${process.pid}`,
  );
}

function tellHowToGoOn() {
  console.log(`
To point tend at a project of yours (it only looks, and reports, until tend.lua says more):
  export RAILWAY_TOKEN=…            # a project token: Railway, Settings, Tokens
  build/tend run monitor_project_health
It says what it sees and what it would do. For pull requests also set OPENAI_API_KEY and TEND_MODEL,
start the agent's server (OPENCODE_BASE_URL, OPENCODE_SERVER_PASSWORD, TEND_AGENT_MODEL), set
GITHUB_TOKEN, and write mode = "pull_request" for the project in tend.lua; README.md shows one.`);
}

// Asked to end by Ctrl-C or kill. Asking again changes nothing: the end is under way, and short.
function stopped() {
  return new Promise((resolve) => {
    process.on('SIGINT', resolve);
    process.on('SIGTERM', resolve);
  });
}

async function giveUp() {
  await wait(GIVE_UP_MS, null, { ref: false });
  throw new Error(`not over after ${GIVE_UP_MS / 60000} minutes: giving up`);
}

async function interrupted(asked) {
  await asked;
  throw Object.assign(new Error('interrupted'), { isWanted: true });
}

async function main() {
  if (!Tend.isBuilt()) {
    console.error(`${PROGRAM} is not there: run make first`);
    return 2;
  }
  const demo = new Demo();
  try {
    const asked = stopped();
    await Promise.race([demo.play(), giveUp(), interrupted(asked)]);
    if (process.env.KEEP === '1') {
      tellHowToLook(demo);
      await asked;
    }
  } catch (error) {
    await demo.checks.check(`the demo goes through to its end (${error.message})`, false);
    if (!error.isWanted) await demo.tellState().catch(() => {});
    if (!error.isWanted) demo.tails();
  }
  await demo.end();
  tellHowToGoOn();
  demo.checks.summary();
  return demo.checks.failed ? 1 : 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
