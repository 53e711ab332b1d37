'use strict';
// One repository of the GitHub stand-in: its bare git folder, its pull requests and the comments on
// them, with the rules that the real one has for each. Each verb takes {world, repository, account,
// pull, params, query, body} and gives {status, body} or {status, items}, or throws a Refusal.

const crypto = require('node:crypto');

const { git, identity } = require('./git');

const BODY_LIMIT = 65536;
const DOCS = 'https://docs.github.com/rest';

class Refusal extends Error {
  constructor(status, message, errors) {
    super(message);
    this.status = status;
    this.body = {
      message,
      ...(errors && { errors }),
      documentation_url: DOCS,
      status: String(status),
    };
  }
}

function invalid(...errors) {
  return new Refusal(
    422,
    'Validation Failed',
    errors.map((error) => ({ resource: 'PullRequest', ...error })),
  );
}

const NOT_FOUND = () => new Refusal(404, 'Not Found');

function now() {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}

function nodeId(kind, number) {
  return `${kind}_${Buffer.from(`${kind}:${number}`).toString('base64url')}`;
}

// One repository: its bare git folder, and the pull requests and comments about it.
class Repository {
  constructor(fullName, folder, defaultBranch) {
    [this.owner, this.name] = fullName.split('/');
    this.fullName = fullName;
    this.folder = folder;
    this.defaultBranch = defaultBranch;
    this.pulls = [];
    this.comments = new Map();
    this.events = []; /* {at, actor, action, number} */
  }

  async shaOf(branch) {
    try {
      return await git(this.folder, [
        'rev-parse',
        '--verify',
        '-q',
        `refs/heads/${branch}^{commit}`,
      ]);
    } catch {
      return null;
    }
  }

  note(actor, action, number) {
    this.events.push({ at: new Date(), actor: actor.login, action, number });
  }
}

function user(account) {
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId('U', account.id),
    type: account.type ?? 'User',
    html_url: `https://github.example/${account.login}`,
  };
}

function repositoryFields(world, repository, account) {
  return {
    id: 1,
    node_id: nodeId('R', 1),
    name: repository.name,
    full_name: repository.fullName,
    owner: { login: repository.owner, type: 'Organization' },
    private: true,
    visibility: 'private',
    fork: false,
    archived: false,
    default_branch: repository.defaultBranch,
    html_url: `${world.url}/${repository.fullName}`,
    permissions: {
      admin: false,
      maintain: false,
      push: true,
      triage: true,
      pull: true,
      ...(account.can_merge && { maintain: true }),
    },
  };
}

// The tree of a merge of both, or null where they conflict.
async function mergedTree(repository, base, head) {
  try {
    return (await git(repository.folder, ['merge-tree', '--write-tree', base, head])).split(
      '\n',
    )[0];
  } catch (error) {
    if (error.code === 1) return null;
    throw error;
  }
}

async function commitTree(repository, tree, parents, message, author) {
  return git(
    repository.folder,
    ['commit-tree', tree, ...parents.flatMap((one) => ['-p', one]), '-m', message],
    author,
  );
}

function personOf(account) {
  return identity(account.login, `${account.login}@users.noreply.localhost`);
}

async function counts(repository, base, head) {
  const text = await git(repository.folder, ['diff', '--numstat', `${base}...${head}`]);
  const rows = text ? text.split('\n').map((line) => line.split('\t')) : [];
  return {
    changed_files: rows.length,
    additions: rows.reduce((sum, [plus]) => sum + (Number(plus) || 0), 0),
    deletions: rows.reduce((sum, [, minus]) => sum + (Number(minus) || 0), 0),
    commits: Number(await git(repository.folder, ['rev-list', '--count', `${base}..${head}`])),
  };
}

// The head moves with its branch while the request is open; a closed one keeps what it had.
async function refresh(repository, pull) {
  if (pull.state !== 'open') return;
  const head = await repository.shaOf(pull.head);
  const base = await repository.shaOf(pull.base);
  if (head && head !== pull.head_sha) {
    pull.head_sha = head;
    pull.updated_at = now();
  }
  if (base === pull.base_sha && head === pull.tested) return;
  pull.base_sha = base;
  await tryMerge(repository, pull);
}

// An open request has a merge_commit_sha too: that of a merge which was only tried.
async function tryMerge(repository, pull) {
  const tree = await mergedTree(repository, pull.base_sha, pull.head_sha);
  pull.tested = pull.head_sha;
  pull.mergeable = tree !== null;
  pull.merge_commit_sha =
    tree &&
    (await commitTree(
      repository,
      tree,
      [pull.base_sha, pull.head_sha],
      'a merge that was tried',
      identity('github', 'g@localhost'),
    ));
}

function side(world, repository, branch, sha) {
  return {
    label: `${repository.owner}:${branch}`,
    ref: branch,
    sha,
    user: { login: repository.owner },
    repo: { name: repository.name, full_name: repository.fullName },
  };
}

function summary(world, repository, pull) {
  const html = `${world.url}/${repository.fullName}/pull/${pull.number}`;
  return {
    id: pull.number,
    node_id: pull.node_id,
    number: pull.number,
    state: pull.state,
    locked: false,
    draft: pull.draft,
    title: pull.title,
    body: pull.body,
    user: user(pull.author),
    url: `${world.url}/repos/${repository.fullName}/pulls/${pull.number}`,
    html_url: html,
    created_at: pull.created_at,
    updated_at: pull.updated_at,
    closed_at: pull.closed_at,
    merged_at: pull.merged_at,
    merge_commit_sha: pull.merge_commit_sha,
    labels: [],
    assignees: [],
    requested_reviewers: [],
    author_association: 'CONTRIBUTOR',
    head: side(world, repository, pull.head, pull.head_sha),
    base: side(world, repository, pull.base, pull.base_sha),
  };
}

async function full(world, repository, pull) {
  await refresh(repository, pull);
  const hasConflict = pull.state === 'open' && !pull.mergeable;
  return {
    ...summary(world, repository, pull),
    merged: pull.merged_at !== null,
    merged_by: pull.merged_by ? user(pull.merged_by) : null,
    mergeable: pull.state === 'open' ? pull.mergeable : null,
    mergeable_state: pull.draft ? 'draft' : hasConflict ? 'dirty' : 'clean',
    comments: (repository.comments.get(pull.number) ?? []).length,
    ...(await counts(repository, pull.base_sha, pull.head_sha)),
  };
}

function checkTexts(body) {
  if (typeof body.title === 'string' && body.title.length > 256) {
    throw invalid({
      field: 'title',
      code: 'custom',
      message: 'title is too long (maximum is 256 characters)',
    });
  }
  if (typeof body.body === 'string' && body.body.length > BODY_LIMIT) {
    throw invalid({
      field: 'body',
      code: 'custom',
      message: 'body is too long (maximum is 65536 characters)',
    });
  }
}

async function checkNew(repository, body) {
  for (const field of ['title', 'head', 'base']) {
    if (!body[field]) throw invalid({ field, code: 'missing_field' });
  }
  checkTexts(body);
  const branch = body.head.includes(':') ? body.head.slice(body.head.indexOf(':') + 1) : body.head;
  const head = await repository.shaOf(branch);
  const base = await repository.shaOf(body.base);
  if (!head) throw invalid({ field: 'head', code: 'invalid' });
  if (!base) throw invalid({ field: 'base', code: 'invalid' });
  if (
    repository.pulls.some(
      (one) => one.state === 'open' && one.head === branch && one.base === body.base,
    )
  ) {
    throw invalid({
      code: 'custom',
      message: `A pull request already exists for ${repository.owner}:${branch}.`,
    });
  }
  if ((await git(repository.folder, ['rev-list', '--count', `${base}..${head}`])) === '0') {
    throw invalid({ code: 'custom', message: `No commits between ${body.base} and ${branch}` });
  }
  return { branch, head, base };
}

async function create({ world, repository, account, body }) {
  const { branch, head, base } = await checkNew(repository, body);
  const number = (world.numbers += 1);
  const pull = {
    number,
    node_id: nodeId('PR', number),
    state: 'open',
    draft: body.draft === true,
    title: body.title,
    body: body.body ?? null,
    author: account,
    head: branch,
    base: body.base,
    head_sha: head,
    base_sha: base,
    created_at: now(),
    updated_at: now(),
    closed_at: null,
    merged_at: null,
    merged_by: null,
  };
  await tryMerge(repository, pull);
  repository.pulls.unshift(pull);
  repository.note(account, 'opened', number);
  return { status: 201, body: await full(world, repository, pull) };
}

async function list({ world, repository, query }) {
  const state = query.get('state') ?? 'open';
  const head = query.get('head');
  const base = query.get('base');
  const found = repository.pulls.filter(
    (pull) =>
      (state === 'all' || pull.state === state) &&
      (!base || pull.base === base) &&
      /* without `owner:` the filter is ignored, as by the real one */
      (!head?.includes(':') || head === `${repository.owner}:${pull.head}`),
  );
  await Promise.all(found.map((pull) => refresh(repository, pull)));
  return { status: 200, items: found.map((pull) => summary(world, repository, pull)) };
}

async function show({ world, repository, pull }) {
  return { status: 200, body: await full(world, repository, pull) };
}

function mayChange(account, pull) {
  if (account.can_merge || account.login === pull.author.login) return;
  throw new Refusal(403, 'Resource not accessible by personal access token');
}

async function change({ world, repository, account, pull, body }) {
  mayChange(account, pull);
  checkTexts(body);
  if (body.title !== undefined) pull.title = body.title;
  if (body.body !== undefined) pull.body = body.body;
  if (body.state === 'closed' && pull.state === 'open') {
    Object.assign(pull, { state: 'closed', closed_at: now() });
    repository.note(account, 'closed', pull.number);
  } else if (body.state === 'open' && pull.state === 'closed') {
    await reopen(repository, account, pull);
  }
  pull.updated_at = now();
  return { status: 200, body: await full(world, repository, pull) };
}

async function reopen(repository, account, pull) {
  if (pull.merged_at || !(await repository.shaOf(pull.head))) {
    throw invalid({ field: 'state', code: 'custom', message: 'state cannot be changed' });
  }
  Object.assign(pull, { state: 'open', closed_at: null });
  repository.note(account, 'reopened', pull.number);
}

const FILE_STATUS = { A: 'added', M: 'modified', D: 'removed', T: 'changed' };

async function files({ repository, pull }) {
  await refresh(repository, pull);
  const range = `${pull.base_sha}...${pull.head_sha}`;
  const names = await git(repository.folder, ['diff', '--no-renames', '--name-status', range]);
  const items = [];
  for (const line of names ? names.split('\n') : []) {
    const [letter, filename] = line.split('\t');
    const patch = await git(repository.folder, ['diff', '--no-renames', range, '--', filename]);
    const counted = (sign) =>
      patch.split('\n').filter((one) => one[0] === sign && !one.startsWith(sign.repeat(3))).length;
    items.push({
      filename,
      status: FILE_STATUS[letter] ?? 'changed',
      additions: counted('+'),
      deletions: counted('-'),
      changes: counted('+') + counted('-'),
      patch: patch.slice(Math.max(patch.indexOf('@@'), 0)),
    });
  }
  return { status: 200, items };
}

async function commits({ repository, pull }) {
  await refresh(repository, pull);
  const text = await git(repository.folder, [
    'log',
    '--reverse',
    '--format=%H%x00%an%x00%ae%x00%aI%x00%s',
    `${pull.base_sha}..${pull.head_sha}`,
  ]);
  return {
    status: 200,
    items: text
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [sha, name, email, date, message] = line.split('\0');
        return { sha, commit: { message, author: { name, email, date } } };
      }),
  };
}

async function merge({ world, repository, account, pull, body }) {
  if (!account.can_merge) {
    throw new Refusal(403, 'Resource not accessible by personal access token');
  }
  await refresh(repository, pull);
  if (pull.state !== 'open') throw new Refusal(405, 'Pull Request is not mergeable');
  if (pull.draft) throw new Refusal(405, 'Pull Request is still a draft');
  if (!pull.mergeable) throw new Refusal(405, 'Pull Request is not mergeable');
  if (body.sha && body.sha !== pull.head_sha) {
    throw new Refusal(409, 'Head branch was modified. Review and try the merge again.');
  }
  const sha = await mergeFor(repository, account, pull, body);
  Object.assign(pull, {
    state: 'closed',
    merged_at: now(),
    closed_at: now(),
    merged_by: account,
    merge_commit_sha: sha,
    updated_at: now(),
  });
  repository.note(account, 'merged', pull.number);
  return { status: 200, body: { sha, merged: true, message: 'Pull Request successfully merged' } };
}

// On base's branch, and only if that hasn't moved meanwhile.
async function mergeFor(
  repository,
  account,
  pull,
  { merge_method: method = 'merge', commit_title: title },
) {
  if (!['merge', 'squash'].includes(method)) throw new Refusal(405, 'Merge method is not allowed');
  const tree = await mergedTree(repository, pull.base_sha, pull.head_sha);
  const parents = method === 'squash' ? [pull.base_sha] : [pull.base_sha, pull.head_sha];
  const subject =
    title ?? `Merge pull request #${pull.number} from ${repository.owner}/${pull.head}`;
  const sha = await commitTree(
    repository,
    tree,
    parents,
    `${subject}\n\n${pull.title}`,
    personOf(account),
  );
  await git(repository.folder, ['update-ref', `refs/heads/${pull.base}`, sha, pull.base_sha]);
  return sha;
}

async function isMerged({ pull }) {
  if (!pull.merged_at) throw NOT_FOUND();
  return { status: 204 };
}

async function comments({ repository, pull }) {
  return { status: 200, items: repository.comments.get(pull.number) ?? [] };
}

async function comment({ world, repository, account, pull, body }) {
  if (!body.body) throw invalid({ resource: 'IssueComment', field: 'body', code: 'missing_field' });
  checkTexts(body);
  const all = repository.comments.get(pull.number) ?? [];
  const id = crypto.randomInt(1e9);
  const made = {
    id,
    body: body.body,
    user: user(account),
    created_at: now(),
    updated_at: now(),
    html_url: `${world.url}/${repository.fullName}/pull/${pull.number}#issuecomment-${id}`,
  };
  repository.comments.set(pull.number, [...all, made]);
  repository.note(account, 'commented', pull.number);
  return { status: 201, body: made };
}

async function commitOf(repository, ref) {
  try {
    return await git(repository.folder, ['rev-parse', '--verify', '-q', `${ref}^{commit}`]);
  } catch {
    throw NOT_FOUND();
  }
}

async function checkRuns({ repository, params }) {
  await commitOf(repository, params[0]);
  return { status: 200, body: { total_count: 0, check_runs: [] } };
}

async function isAncestor(repository, one, other) {
  try {
    await git(repository.folder, ['merge-base', '--is-ancestor', one, other]);
    return true;
  } catch {
    return false;
  }
}

async function compare({ repository, params }) {
  const base = await commitOf(repository, params[0]);
  const head = await commitOf(repository, params[1]);
  const count = async (range) =>
    Number(await git(repository.folder, ['rev-list', '--count', range]));
  const status =
    base === head
      ? 'identical'
      : (await isAncestor(repository, base, head))
        ? 'ahead'
        : (await isAncestor(repository, head, base))
          ? 'behind'
          : 'diverged';
  return {
    status: 200,
    body: {
      status,
      ahead_by: await count(`${base}..${head}`),
      behind_by: await count(`${head}..${base}`),
    },
  };
}

async function ref({ repository, params }) {
  const sha = await repository.shaOf(params[0]);
  if (!sha) throw NOT_FOUND();
  return { status: 200, body: { ref: `refs/heads/${params[0]}`, object: { type: 'commit', sha } } };
}

module.exports = {
  Refusal,
  NOT_FOUND,
  Repository,
  user,
  repositoryFields,
  summary,
  mayChange,
  now,
  create,
  list,
  show,
  change,
  files,
  commits,
  merge,
  isMerged,
  comments,
  comment,
  checkRuns,
  compare,
  ref,
};
