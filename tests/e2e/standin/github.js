'use strict';
// A stand-in for the part of GitHub's API that a pull request needs, over a real bare repository
// that people push to. As strict as the real one: users and rights by token, a user agent, the head
// branch must exist, one open pull request a head, a draft can't be merged and becomes ready only
// through GraphQL. Merging really merges. What isn't here answers 404. The rules about pull
// requests are in pulls.js; here are tokens, routes, pages and rate limits.

const graphql = require('graphql');

const { listen, send, play, bearer, isSame } = require('./listen');
const pulls = require('./pulls');

const { Refusal, NOT_FOUND, Repository } = pulls;

const PAGE = 30;
const PAGE_MAX = 100;
const RATE_LIMIT = 5000;

const REPOSITORY = '^/repos/([^/]+/[^/]+)';
const ROUTES = [
  ['GET', /^\/user$/, async ({ account }) => ({ status: 200, body: pulls.user(account) })],
  [
    'GET',
    '$',
    async ({ world, repository, account }) => ({
      status: 200,
      body: pulls.repositoryFields(world, repository, account),
    }),
  ],
  ['GET', '/pulls$', pulls.list],
  ['POST', '/pulls$', pulls.create],
  ['GET', '/pulls/(\\d+)$', pulls.show],
  ['PATCH', '/pulls/(\\d+)$', pulls.change],
  ['GET', '/pulls/(\\d+)/files$', pulls.files],
  ['GET', '/pulls/(\\d+)/commits$', pulls.commits],
  ['GET', '/pulls/(\\d+)/merge$', pulls.isMerged],
  ['PUT', '/pulls/(\\d+)/merge$', pulls.merge],
  ['GET', '/pulls/(\\d+)/reviews$', async () => ({ status: 200, items: [] })],
  ['GET', '/issues/(\\d+)/comments$', pulls.comments],
  ['POST', '/issues/(\\d+)/comments$', pulls.comment],
  ['GET', '/commits/([^/]+)/check-runs$', pulls.checkRuns],
  ['GET', '/compare/(.+)\\.\\.\\.(.+)$', pulls.compare],
  ['GET', '/git/ref/heads/(.+)$', pulls.ref],
].map(([method, where, run]) => ({
  method,
  run,
  pattern: where instanceof RegExp ? where : new RegExp(REPOSITORY + where),
}));

function find(world, method, path) {
  for (const route of ROUTES.filter((one) => one.method === method)) {
    const match = route.pattern.exec(path);
    if (match) return { run: route.run, ...placeOf(world, match) };
  }
  throw NOT_FOUND();
}

function placeOf(world, [path, name, ...params]) {
  if (!name) return {};
  const repository = world.repositories.get(name);
  if (!repository) throw NOT_FOUND();
  if (!/\/(pulls|issues)\/\d+/.test(path)) return { repository, params };
  const pull = repository.pulls.find((one) => one.number === Number(params[0]));
  if (!pull) throw NOT_FOUND();
  return { repository, params, pull };
}

// GraphQL has the one thing that REST lacks. Types and names are GitHub's.
const SCHEMA = graphql.buildSchema(`
  type Query { viewer: User! }
  type User { login: String! }
  type PullRequest { id: ID! number: Int! isDraft: Boolean! title: String! url: String! }
  input MarkPullRequestReadyForReviewInput { clientMutationId: String, pullRequestId: ID! }
  type MarkPullRequestReadyForReviewPayload { clientMutationId: String, pullRequest: PullRequest }
  type Mutation {
    markPullRequestReadyForReview(
      input: MarkPullRequestReadyForReviewInput!
    ): MarkPullRequestReadyForReviewPayload
  }
`);

function ready(world, account, { input }) {
  for (const repository of world.repositories.values()) {
    const pull = repository.pulls.find((one) => one.node_id === input.pullRequestId);
    if (!pull) continue;
    pulls.mayChange(account, pull);
    if (pull.draft) repository.note(account, 'ready_for_review', pull.number);
    pull.draft = false;
    pull.updated_at = pulls.now();
    return {
      clientMutationId: input.clientMutationId,
      pullRequest: {
        id: pull.node_id,
        number: pull.number,
        isDraft: false,
        title: pull.title,
        url: pulls.summary(world, repository, pull).html_url,
      },
    };
  }
  throw new Error(`Could not resolve to a node with the global id of '${input.pullRequestId}'`);
}

async function askGraphql(world, account, body) {
  const told = await graphql.graphql({
    schema: SCHEMA,
    source: String(body.query),
    variableValues: body.variables,
    operationName: body.operationName,
    rootValue: {
      viewer: { login: account.login },
      markPullRequestReadyForReview: (args) => ready(world, account, args),
    },
  });
  return { status: 200, body: told };
}

function rate(world, account) {
  const used = world.used.get(account.login) ?? 0;
  world.used.set(account.login, used + 1);
  return {
    'x-ratelimit-limit': String(RATE_LIMIT),
    'x-ratelimit-remaining': String(RATE_LIMIT - used - 1),
    'x-ratelimit-used': String(used + 1),
    'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + 3600),
    'x-ratelimit-resource': 'core',
  };
}

function paged(world, url, told) {
  if (!told.items) return { body: told.body, headers: {} };
  const size = Math.min(Number(url.searchParams.get('per_page')) || PAGE, PAGE_MAX);
  const at = Math.max(Number(url.searchParams.get('page')) || 1, 1);
  const pages = Math.max(Math.ceil(told.items.length / size), 1);
  const next = new URL(url);
  next.searchParams.set('page', String(at + 1));
  return {
    body: told.items.slice((at - 1) * size, at * size),
    headers: at < pages ? { link: `<${next}>; rel="next"` } : {},
  };
}

function parsed(request, text) {
  if (!text) return {};
  if (!/^application\/(json|.*\+json)\b/.test(request.headers['content-type'] || '')) {
    throw new Refusal(415, 'Unsupported Media Type');
  }
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw new Refusal(400, 'Problems parsing JSON');
  }
}

function accountOf(world, request, path) {
  if (!request.headers['user-agent']) {
    throw new Refusal(
      403,
      'Request forbidden by administrative rules. ' +
        'Please make sure your request has a User-Agent header',
    );
  }
  const token = bearer(request);
  if (!token)
    throw path.startsWith('/repos/') ? NOT_FOUND() : new Refusal(401, 'Requires authentication');
  const account = world.accounts.find((one) => isSame(token, one.token));
  if (!account) throw new Refusal(401, 'Bad credentials');
  return account;
}

async function answer(world, request, url, text) {
  const account = accountOf(world, request, url.pathname);
  const headers = rate(world, account);
  try {
    const body = parsed(request, text);
    world.seen.push({
      at: new Date(),
      login: account.login,
      method: request.method,
      path: url.pathname,
    });
    if (request.method === 'POST' && url.pathname === '/graphql') {
      return { ...(await askGraphql(world, account, body)), headers };
    }
    const place = find(world, request.method, url.pathname);
    const told = await place.run({ world, account, body, query: url.searchParams, ...place });
    const shown = paged(world, url, told);
    return { status: told.status, body: shown.body, headers: { ...headers, ...shown.headers } };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: error.body, headers };
  }
}

async function handle(world, request, response, text, faults) {
  const url = new URL(request.url, world.url);
  const fault = faults.take(`${request.method} ${url.pathname}`);
  if (fault && play(fault, request, response)) return undefined;
  try {
    const told = await answer(world, request, url, text);
    if (told.status !== 204) return send(response, told.status, told.body, told.headers);
    response.writeHead(204, told.headers);
    return response.end();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return send(response, error.status, error.body);
  }
}

// repositories: [{full_name, folder (bare), default_branch}].
// accounts: [{login, token, type, can_merge}]. Returns what listen() does, and
// {repository(name), seen[]}.
async function startGitHub({ repositories, accounts }) {
  const world = {
    repositories: new Map(
      repositories.map((one) => [
        one.full_name,
        new Repository(one.full_name, one.folder, one.default_branch),
      ]),
    ),
    accounts: accounts.map((account, index) => ({ id: 1000 + index, ...account })),
    used: new Map(),
    numbers: 0,
    seen: [],
  };
  const server = await listen((request, response, text, faults) =>
    handle(world, request, response, text, faults),
  );
  world.url = server.url;
  return Object.assign(server, {
    repository: (name) => world.repositories.get(name),
    seen: world.seen,
  });
}

module.exports = { startGitHub };
