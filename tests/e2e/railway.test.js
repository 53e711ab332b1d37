'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { setTimeout: wait } = require('node:timers/promises');

const operations = require('./operations').ofModule();
const { filter } = require('./standin/logfilter');
const { Project } = require('./standin/project');
const { startRailway } = require('./standin/railway');

const SHOP = path.join(__dirname, '..', '..', 'examples', 'demo', 'shop');
const TOKENS = { project: 'a-project-token', account: 'an-account-token' };

let root;
let project;
let shop;
let railway;
let begun;

before(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'tend-e2e-'));
  project = new Project('coffee');
  shop = project.add({
    name: 'shop',
    source: { repo: 'acme/shop', image: null },
    branch: 'main',
    domain: 'shop.example',
    limits: { cpu: 1, memory_gb: 0.256 },
    start: 'node src/server.js',
    variables: [{ name: 'DATABASE_URL', references: ['postgres.DATABASE_URL'] }],
  });
  project.add({
    name: 'postgres',
    source: { repo: null, image: 'postgres:16' },
    volume: { id: 'v', mountPath: '/data', currentSizeMB: 100, sizeMB: 500 },
  });
  railway = await startRailway({ project, tokens: TOKENS });
  begun = Date.now();
  await shop.deploy({
    directory: SHOP,
    args: ['src/server.js'],
    logs: root,
    meta: { repo: 'acme/shop', branch: 'main', commitHash: 'a'.repeat(40), commitMessage: 'first' },
    built: ['cloned', 'nothing to build'],
  });
  for (const where of ['/products', '/orders/1', '/orders/4/discount', '/nowhere']) {
    for (let n = 0; n < 5; n += 1) await fetch(`http://127.0.0.1:${shop.active.port}${where}`);
  }
  await wait(1600);
});

after(async () => {
  await project?.stop();
  await railway?.close();
  fs.rmSync(root, { recursive: true, force: true });
});

async function send(
  name,
  variables,
  headers = { 'project-access-token': TOKENS.project },
  query = operations[name],
) {
  const response = await fetch(railway.graphql_url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables, operationName: name }),
  });
  return response;
}

async function ask(...args) {
  return (await send(...args)).json();
}

function ids(more = {}) {
  return { projectId: project.id, environmentId: project.environment.id, ...more };
}

function windowed(more = {}) {
  return ids({
    startDate: new Date(begun - 1000).toISOString(),
    endDate: new Date(Date.now() + 1000).toISOString(),
    ...more,
  });
}

test('every operation of tend gets an answer without errors', async () => {
  const deploymentId = shop.active.id;
  const input = { environmentId: project.environment.id, serviceId: shop.id };
  const variables = windowed({
    serviceId: shop.id,
    deploymentId,
    input,
    path: '/products',
    stepSeconds: 1,
    sampleRateSeconds: 1,
  });
  for (const name of Object.keys(operations)) {
    const answer = await ask(name, variables);
    assert.strictEqual(answer.errors, undefined, `${name}: ${JSON.stringify(answer.errors)}`);
    assert.ok(answer.data, name);
  }
});

test('the architecture tells sources, domains, deployments and volumes, by pages', async () => {
  const { data } = await ask('Architecture', ids({ services: 1 }));
  const { serviceInstances, volumeInstances, deploymentTriggers } = data.environment;
  assert.strictEqual(serviceInstances.edges.length, 1);
  assert.strictEqual(serviceInstances.pageInfo.hasNextPage, true);
  const { node } = serviceInstances.edges[0];
  assert.strictEqual(node.latestDeployment.meta.commitHash, 'a'.repeat(40));
  assert.strictEqual(node.latestDeployment.status, 'SUCCESS');
  const next = await ask(
    'Architecture',
    ids({ services: 1, afterService: serviceInstances.pageInfo.endCursor }),
  );
  assert.strictEqual(next.data.environment.serviceInstances.edges[0].node.serviceName, 'postgres');
  assert.strictEqual(volumeInstances.edges[0].node.sizeMB, 500);
  assert.strictEqual(deploymentTriggers.edges[0].node.branch, 'main');
});

test('memory and processor are those of the process', async () => {
  const { data } = await ask('ProjectMetrics', windowed({ sampleRateSeconds: 1 }));
  const of = (measurement) => data.metrics.find((one) => one.measurement === measurement);
  const status = fs.readFileSync(`/proc/${shop.active.instance.pid}/status`, 'utf8');
  const now = (Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024) / 1e9;
  const told = of('MEMORY_USAGE_GB').values.at(-1).value;
  assert.ok(Math.abs(told - now) < 0.02, `${told} GB told, ${now} GB measured`);
  assert.strictEqual(of('MEMORY_LIMIT_GB').values[0].value, 0.256);
  assert.strictEqual(of('CPU_LIMIT').values[0].value, 1);
  assert.ok(of('CPU_USAGE').values.every(({ value }) => value >= 0 && value < 3));
  assert.ok(of('MEMORY_USAGE_GB').values[0].ts > 1e9, 'seconds since 1970');
  assert.strictEqual(of('NETWORK_RX_GB'), undefined);
});

test('requests by status and percentiles are those of the access log', async () => {
  const { data } = await ask('ServiceHttp', windowed({ serviceId: shop.id, stepSeconds: 1 }));
  const counts = Object.fromEntries(
    data.byStatus.map((one) => [
      one.statusCode,
      one.samples.reduce((sum, { value }) => sum + value, 0),
    ]),
  );
  assert.deepStrictEqual(counts, { 200: 10, 404: 5, 500: 5 });
  for (const { p50, p99 } of data.durations.samples) assert.ok(p50 > 0 && p50 <= p99);
  const one = await ask(
    'PathHttp',
    windowed({ serviceId: shop.id, stepSeconds: 1, path: '/nowhere' }),
  );
  assert.deepStrictEqual(
    one.data.byStatus.map(({ statusCode }) => statusCode),
    [404],
  );
});

test('logs are the real ones, filtered, with one row more than asked for', async () => {
  const { data } = await ask('EnvironmentLogs', {
    environmentId: project.environment.id,
    filter: '@level:error',
    beforeLimit: 2,
    beforeDate: new Date(begun).toISOString(),
    anchorDate: new Date().toISOString(),
  });
  assert.strictEqual(data.environmentLogs.length, 3);
  const [line] = data.environmentLogs;
  assert.match(line.message, /GET \/orders\/4\/discount failed: .*percent/);
  assert.strictEqual(line.tags.serviceId, shop.id);
  assert.match(line.attributes.find(({ key }) => key === 'stack').value, /discounts\.js/);
  const http = await ask('HttpLogs', { deploymentId: shop.active.id, filter: '@httpStatus:>=500' });
  assert.strictEqual(http.data.httpLogs.length, 5);
  const built = await ask('BuildLogs', { deploymentId: shop.active.id });
  assert.strictEqual(built.data.buildLogs[0].message, 'cloned');
});

test('a wrong token, a wrong environment and a wrong document are refused', async () => {
  const wrong = await ask('ProjectToken', {}, { 'project-access-token': 'x' });
  assert.strictEqual(wrong.errors[0].message, 'Not Authorized');
  const none = await ask('ProjectToken', {}, {});
  assert.strictEqual(none.errors[0].message, 'Not Authorized');
  const crossed = await ask('ProjectToken', {}, { authorization: `Bearer ${TOKENS.project}` });
  assert.strictEqual(crossed.errors[0].message, 'Not Authorized');
  const elsewhere = await ask('Architecture', { ...ids(), environmentId: 'other' });
  assert.strictEqual(elsewhere.errors[0].message, 'Not Authorized');
  const invalid = await send('X', {}, undefined, 'query X { secrets { value } }');
  assert.strictEqual(invalid.status, 400);
  const mutation = await send('X', {}, undefined, 'mutation X { serviceDelete(id: "x") }');
  assert.strictEqual(mutation.status, 400);
});

test('an account token reads the project by bearer, but is no project token', async () => {
  const headers = { authorization: `Bearer ${TOKENS.account}` };
  const { data } = await ask('EnvironmentByName', { projectId: project.id }, headers);
  assert.strictEqual(data.project.environments.edges[0].node.name, 'production');
  assert.ok((await ask('ProjectToken', {}, headers)).errors);
});

test('faults come when they are asked for, and go', async () => {
  railway.faults.add({ kind: 'html502', match: 'ProjectToken' });
  const html = await send('ProjectToken', {});
  assert.strictEqual(html.status, 502);
  assert.match(await html.text(), /^<html>/);
  railway.faults.add({ kind: '429' });
  assert.strictEqual((await send('ProjectToken', {})).headers.get('retry-after'), '1');
  railway.faults.add({ kind: 'null' });
  assert.deepStrictEqual((await ask('ProjectToken', {})).data, null);
  railway.faults.add({ kind: 'cut' });
  await assert.rejects(send('ProjectToken', {}).then((response) => response.json()));
  railway.faults.add({ kind: 'reset' });
  await assert.rejects(send('ProjectToken', {}));
  assert.ok((await ask('ProjectToken', {})).data);
});

test('one refused alias empties the whole answer and is named in the path', async () => {
  railway.faults.add({ kind: 'refuse', field: 'durations' });
  const answer = await ask('ServiceHttp', windowed({ serviceId: shop.id, stepSeconds: 1 }));
  assert.strictEqual(answer.data, null);
  assert.deepStrictEqual(answer.errors[0].path, ['durations']);
});

test('a refused field that may be null costs only itself', async () => {
  railway.faults.add({ kind: 'refuse', field: 'latestDeployment' });
  const answer = await ask('Architecture', ids());
  assert.strictEqual(answer.data.environment.serviceInstances.edges[0].node.latestDeployment, null);
  assert.ok(answer.errors[0].path.includes('latestDeployment'));
});

test('a new deployment replaces the old one without a gap, and names its commit', async () => {
  const old = shop.active;
  await shop.deploy({
    directory: SHOP,
    args: ['src/server.js'],
    logs: root,
    meta: { commitHash: 'b'.repeat(40) },
  });
  const { data } = await ask('Deployments', ids({ serviceId: shop.id, first: 5 }));
  assert.deepStrictEqual(
    data.deployments.edges.map(({ node }) => [node.status, node.meta.commitHash[0]]),
    [
      ['SUCCESS', 'b'],
      ['REMOVED', 'a'],
    ],
  );
  assert.notStrictEqual(shop.active.instance.pid, old.instance.pid);
  assert.strictEqual(old.instance.child.exitCode, 0);
});

test('the log filter understands words, phrases, comparisons, ranges, and, or, not', () => {
  const row = {
    text: 'GET /orders failed badly',
    get: (name) => ({ httpStatus: 503, level: 'error' })[name],
  };
  const is = (text) => filter(text)(row);
  assert.ok(is('') && is('FAILED') && is('"failed badly"') && is('orders badly'));
  assert.ok(is('@httpStatus:500..599') && is('@httpStatus:>=500 AND @level:error'));
  assert.ok(is('nothing OR (failed AND -nothing)') && is('-@level:info'));
  assert.ok(!is('"badly failed"') && !is('@httpStatus:<500') && !is('-failed'));
  assert.throws(() => filter('(failed'), /bad filter/);
});
