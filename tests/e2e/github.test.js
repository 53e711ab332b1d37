'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');

const { git, identity } = require('./standin/git');
const { startGitHub } = require('./standin/github');

const TEND = 'tend-token';
const REVIEWER = 'reviewer-token';
const WHO = identity('t', 't@localhost');

let root;
let bare;
let work;
let github;

before(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'tend-e2e-'));
  bare = path.join(root, 'acme', 'shop.git');
  work = path.join(root, 'work');
  fs.mkdirSync(bare, { recursive: true });
  fs.mkdirSync(work);
  await git(bare, ['init', '-q', '--bare', '-b', 'main']);
  await git(work, ['init', '-q', '-b', 'main']);
  await commit('README', 'hello\n');
  await git(work, ['push', '-q', bare, 'main']);
  github = await startGitHub({
    repositories: [{ full_name: 'acme/shop', folder: bare, default_branch: 'main' }],
    accounts: [
      { login: 'tend-bot', token: TEND, type: 'Bot' },
      { login: 'reviewer', token: REVIEWER, can_merge: true },
    ],
  });
});

after(async () => {
  await github?.close();
  fs.rmSync(root, { recursive: true, force: true });
});

async function commit(file, text) {
  fs.writeFileSync(path.join(work, file), text);
  await git(work, ['add', '-A'], WHO);
  await git(work, ['commit', '-q', '-m', `write ${file}`], WHO);
}

async function branch(name, file, text) {
  await git(work, ['checkout', '-q', '-B', name, 'main']);
  await commit(file, text);
  await git(work, ['push', '-q', '-f', bare, name]);
}

async function ask(method, where, body, token = TEND, headers = {}) {
  const response = await fetch(github.url + where, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

function open(head, more = {}) {
  return ask('POST', '/repos/acme/shop/pulls', {
    title: `mend ${head}`,
    body: 'why',
    head,
    base: 'main',
    draft: true,
    ...more,
  });
}

const READY = `mutation Ready($id: ID!) {
  markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }`;

test('tokens tell who asks; without one or with a wrong one nothing is shown', async () => {
  assert.strictEqual((await ask('GET', '/user')).body.login, 'tend-bot');
  assert.strictEqual((await ask('GET', '/user', null, REVIEWER)).body.login, 'reviewer');
  assert.strictEqual((await ask('GET', '/user', null, 'wrong')).status, 401);
  assert.strictEqual((await ask('GET', '/repos/acme/shop', null, null)).status, 404);
  const { body, headers } = await ask('GET', '/repos/acme/shop');
  assert.strictEqual(body.default_branch, 'main');
  assert.ok(Number(headers.get('x-ratelimit-remaining')) < 5000);
  assert.strictEqual((await ask('GET', '/repos/acme/other')).status, 404);
  assert.strictEqual((await ask('GET', '/notifications')).status, 404);
});

test('a request without a user agent is refused', async () => {
  const status = await new Promise((resolve) => {
    http.get(`${github.url}/user`, { headers: { authorization: `Bearer ${TEND}` } }, (response) =>
      resolve(response.resume().statusCode),
    );
  });
  assert.strictEqual(status, 403);
});

test('a pull request needs a head branch that exists and differs, and is opened once', async () => {
  const missing = await open('tend/nowhere');
  assert.strictEqual(missing.status, 422);
  assert.deepStrictEqual(missing.body.errors[0], {
    resource: 'PullRequest',
    field: 'head',
    code: 'invalid',
  });
  await git(work, ['push', '-q', bare, 'main:same']);
  assert.match((await open('same')).body.errors[0].message, /No commits between/);
  await branch('tend/once', 'once.txt', 'once\n');
  const first = await open('tend/once');
  assert.strictEqual(first.status, 201);
  assert.strictEqual(first.body.draft, true);
  assert.strictEqual(first.body.head.sha, await git(work, ['rev-parse', 'HEAD']));
  assert.ok(first.body.merge_commit_sha, 'of the merge that was tried');
  const second = await open('acme:tend/once');
  assert.strictEqual(second.status, 422);
  assert.match(second.body.errors[0].message, /already exists for acme:tend\/once/);
  assert.strictEqual((await open('tend/once', { title: '' })).body.errors[0].code, 'missing_field');
});

test('requests are found by state and head; a head without owner filters nothing', async () => {
  await branch('tend/second', 'second.txt', 'x\n');
  await open('tend/second');
  const named = async (query) =>
    (await ask('GET', `/repos/acme/shop/pulls?${query}`)).body.map((one) => one.head.ref);
  assert.deepStrictEqual(await named('head=acme:tend/once'), ['tend/once']);
  assert.deepStrictEqual(await named('head=tend/once'), ['tend/second', 'tend/once']);
  assert.deepStrictEqual(await named('state=closed'), []);
  const page = await ask('GET', '/repos/acme/shop/pulls?per_page=1');
  assert.strictEqual(page.body.length, 1);
  assert.match(page.headers.get('link'), /page=2>; rel="next"/);
});

test('files, commits, comments and comparisons come from git', async () => {
  const {
    body: [pull],
  } = await ask('GET', '/repos/acme/shop/pulls?head=acme:tend/once');
  const at = `/repos/acme/shop/pulls/${pull.number}`;
  const [file] = (await ask('GET', `${at}/files`)).body;
  assert.deepStrictEqual([file.filename, file.status, file.additions], ['once.txt', 'added', 1]);
  assert.strictEqual((await ask('GET', `${at}/commits`)).body[0].commit.message, 'write once.txt');
  const issue = `/repos/acme/shop/issues/${pull.number}/comments`;
  assert.strictEqual((await ask('POST', issue, { body: 'seen' })).status, 201);
  assert.strictEqual((await ask('GET', issue)).body[0].user.login, 'tend-bot');
  assert.deepStrictEqual((await ask('GET', `${at}/reviews`)).body, []);
  assert.strictEqual(
    (await ask('GET', `/repos/acme/shop/commits/${pull.head.sha}/check-runs`)).body.total_count,
    0,
  );
  assert.strictEqual(
    (await ask('GET', '/repos/acme/shop/compare/main...tend/once')).body.status,
    'ahead',
  );
});

test('a draft is made ready by GraphQL only, and merged only then, not by tend', async () => {
  const {
    body: [pull],
  } = await ask('GET', '/repos/acme/shop/pulls?head=acme:tend/once');
  const at = `/repos/acme/shop/pulls/${pull.number}`;
  assert.strictEqual((await ask('PUT', `${at}/merge`, {}, REVIEWER)).status, 405);
  await ask('PATCH', at, { draft: false }, REVIEWER);
  assert.strictEqual((await ask('GET', at)).body.draft, true);
  const told = await ask(
    'POST',
    '/graphql',
    { query: READY, variables: { id: pull.node_id } },
    REVIEWER,
  );
  assert.strictEqual(told.body.data.markPullRequestReadyForReview.pullRequest.isDraft, false);
  assert.strictEqual((await ask('PUT', `${at}/merge`, {})).status, 403);
  assert.strictEqual(
    (await ask('PUT', `${at}/merge`, { sha: '0'.repeat(40) }, REVIEWER)).status,
    409,
  );
  const merged = await ask('PUT', `${at}/merge`, { sha: pull.head.sha }, REVIEWER);
  assert.strictEqual(merged.status, 200);
  assert.strictEqual(await git(bare, ['rev-parse', 'main']), merged.body.sha);
  assert.strictEqual(await git(bare, ['show', 'main:once.txt']), 'once');
  const { body } = await ask('GET', at);
  assert.deepStrictEqual(
    [body.merged, body.state, body.merge_commit_sha, body.merged_by.login],
    [true, 'closed', merged.body.sha, 'reviewer'],
  );
  assert.strictEqual((await ask('PUT', `${at}/merge`, {}, REVIEWER)).status, 405);
});

test('a conflicting request is not mergeable', async () => {
  await git(work, ['checkout', '-q', 'main']);
  await branch('tend/conflict', 'once.txt', 'other\n');
  const { body } = await open('tend/conflict', { draft: false });
  assert.strictEqual(body.mergeable, false);
  assert.strictEqual(
    (await ask('PUT', `/repos/acme/shop/pulls/${body.number}/merge`, {}, REVIEWER)).status,
    405,
  );
});

test('the head moves with its branch, and a closed request leaves room for another', async () => {
  const {
    body: [pull],
  } = await ask('GET', '/repos/acme/shop/pulls?head=acme:tend/second');
  await branch('tend/second', 'second.txt', 'moved\n');
  const at = `/repos/acme/shop/pulls/${pull.number}`;
  assert.notStrictEqual((await ask('GET', at)).body.head.sha, pull.head.sha);
  const closed = await ask('PATCH', at, { state: 'closed' });
  assert.strictEqual(closed.body.state, 'closed');
  assert.strictEqual((await open('tend/second')).status, 201);
});

test('bad JSON, a wrong type and a long body are refused; faults can be asked for', async () => {
  const post = (body, type) =>
    fetch(`${github.url}/repos/acme/shop/pulls`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${TEND}`, 'content-type': type },
    });
  assert.strictEqual((await post('{', 'application/json')).status, 400);
  assert.strictEqual((await post('{}', 'text/plain')).status, 415);
  await branch('tend/long', 'long.txt', 'x\n');
  assert.strictEqual((await open('tend/long', { body: 'x'.repeat(65537) })).status, 422);
  github.faults.add({ kind: 'html502', match: 'POST /repos' });
  assert.strictEqual((await post('{}', 'application/json')).status, 502);
});
