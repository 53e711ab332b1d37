'use strict';
// http: the exchange, retries, idempotency, what is recorded.

const assert = require('node:assert');

const run = (t, body, server, env) => {
  const project = t.project({ env });
  project.workflow('calls', `return { run = function(input) local url = input.url ${body} end }`);
  return { project, ended: project.run('calls', ['--id', 'c', '--set', `url=${server.url}`]) };
};

module.exports = (test) => {
  test('a request says what was asked for, a response what came', async (t) => {
    const server = await t.server(() => ({
      headers: { 'Content-Type': 'application/json', 'X-Own': 'yes' },
      body: '{"items":[],"n":9007199254740993}',
    }));
    const { ended } = run(
      t,
      `local r = http { url = url .. "/a?x=1", query = { q = "ä b&c" }, headers = { ["X-Sent"] = "1" } }
       local posted = http { url = url .. "/b", json = { list = json.array({}), n = 1 } }
       local form = http { url = url .. "/c", method = "PUT", form = { k = "v w" } }
       return { status = r.status, own = r.headers["x-own"], n = r.json.n, items = r.json.items,
                url = r.url == url .. "/a?x=1&q=%C3%A4%20b%26c", timed = r.timing.total > 0,
                other = { posted.status, form.status } }`,
      server,
    );
    const outcome = await ended;
    assert.strictEqual(
      outcome.stdout,
      '{"items":[],"n":9007199254740993,"other":[200,200],"own":"yes","status":200,"timed":true,"url":true}\n',
      outcome,
    );
    const [get, post, put] = server.requests;
    assert.deepStrictEqual(
      [get.method, get.query.get('q'), get.headers['x-sent']],
      ['GET', 'ä b&c', '1'],
    );
    assert.ok(!('idempotency-key' in get.headers));
    assert.deepStrictEqual([post.method, post.body], ['POST', '{"list":[],"n":1}']);
    assert.strictEqual(post.headers['content-type'], 'application/json');
    assert.deepStrictEqual([put.method, put.body.replace('+', '%20')], ['PUT', 'k=v%20w']);
    assert.ok(post.headers['idempotency-key'] && put.headers['idempotency-key']);
    assert.notStrictEqual(post.headers['idempotency-key'], put.headers['idempotency-key']);
  });

  test('503 with Retry-After is tried again, under the same idempotency key', async (t) => {
    const times = [];
    const server = await t.server((request, number) => {
      times.push(Date.now());
      return number === 1
        ? { status: 503, headers: { 'Retry-After': '2' }, body: 'busy' }
        : { body: '{"ok":true}' };
    });
    const { project, ended } = run(
      t,
      'return http { url = url .. "/p", method = "POST", body = "x", retry = { initial = 0.001 } }.json',
      server,
    );
    const outcome = await ended;
    assert.strictEqual(outcome.stdout, '{"ok":true}\n', outcome);
    assert.strictEqual(server.requests.length, 2);
    assert.ok(times[1] - times[0] >= 1950, `it waited ${times[1] - times[0]} ms`);
    const keys = server.requests.map(({ headers }) => headers['idempotency-key']);
    assert.ok(keys[0] && keys[0] === keys[1]);
    const [step] = (await project.show('c')).steps;
    assert.deepStrictEqual(
      step.attempts.map(({ attempt, status }) => `${attempt} ${status}`),
      ['1 started', '1 failed', '2 started', '2 completed'],
    );
    assert.strictEqual(step.attempts[1].error.response.status, 503);
  });

  test('404 raises at once with the response; ok takes it', async (t) => {
    const server = await t.server(() => ({ status: 404, body: 'not here' }));
    const { ended } = run(
      t,
      `local _, err = pcall(http, url .. "/x")
       local fine = http { url = url .. "/x", ok = { 200, 404 } }
       return { err.kind, err.response.status, err.response.body, fine.status }`,
      server,
    );
    assert.strictEqual((await ended).stdout, '["http",404,"not here",404]\n');
    assert.strictEqual(server.requests.length, 2);
  });

  test('a cut connection is tried again', async (t) => {
    const server = await t.server((request, number) => (number < 3 ? null : { body: 'there' }));
    const { ended } = run(
      t,
      'return http { url = url .. "/x", retry = { initial = 0.001 } }.body',
      server,
    );
    assert.strictEqual((await ended).stdout, '"there"\n');
    assert.strictEqual(server.requests.length, 3);
  });

  test('an exchange inside a step is part of the attempt, with a key of its own', async (t) => {
    const server = await t.server((request, number) =>
      request.path === '/flaky' && number === 1 ? { status: 500 } : { body: '[1]' },
    );
    const { project, ended } = run(
      t,
      `return step("both", { retry = { initial = 0.001 } }, function(ctx)
         http { url = url .. "/first", method = "POST", body = "1" }
         local r = http { url = url .. "/flaky", method = "POST", body = "2" }
         return { r.json[1], ctx.attempt, ctx.idempotency_key }
       end)`,
      server,
    );
    const outcome = await ended;
    const [value, attempt, key] = outcome.json;
    assert.deepStrictEqual([value, attempt], [1, 2], outcome);
    assert.deepStrictEqual(
      server.requests.map(({ path, headers }) => [path, headers['idempotency-key']]),
      [
        ['/first', `${key}-1`],
        ['/flaky', `${key}-2`],
        ['/first', `${key}-1`],
        ['/flaky', `${key}-2`],
      ],
    );
    assert.deepStrictEqual(
      (await project.show('c')).steps.map(({ key: name }) => name),
      ['both'],
    );
  });

  test('a recorded response is read again without asking the server', async (t) => {
    const server = await t.server(() => ({ body: '{"a":1}' }));
    const { ended } = run(
      t,
      'local r = http(url .. "/x") sleep(1.2) return { r.json.a, r.status }',
      server,
    );
    assert.strictEqual((await ended).stdout, '[1,200]\n');
    assert.strictEqual(server.requests.length, 1);
  });

  test('json of what is no JSON is nil; the body is there', async (t) => {
    const server = await t.server(() => ({ body: '<html>' }));
    const { ended } = run(t, 'local r = http(url) return { r.json == nil, r.body }', server);
    assert.strictEqual((await ended).stdout, '[true,"<html>"]\n');
  });

  test('max_bytes bounds a body', async (t) => {
    const server = await t.server(() => ({ body: 'x'.repeat(100000) }));
    const { ended } = run(
      t,
      'local ok, err = pcall(http, { url = url, max_bytes = 1000 }) return { ok, err.kind }',
      server,
    );
    assert.strictEqual((await ended).stdout, '[false,"http"]\n');
    assert.strictEqual(server.requests.length, 1);
  });

  test('timeout bounds an attempt', async (t) => {
    const server = await t.server(() => new Promise(() => {}));
    const { ended } = run(
      t,
      'local _, err = pcall(http, { url = url, timeout = "150ms", retry = false }) return err.kind',
      server,
    );
    assert.strictEqual((await ended).stdout, '"timeout"\n');
  });

  test('a secret goes into a header, and neither into the journal nor to the script', async (t) => {
    const token = 'tok-7f3a9c1e5b2d8046';
    const server = await t.server(({ headers }) => ({
      headers: { 'X-Echo': headers.authorization },
      body: `you said ${headers.authorization}`,
    }));
    const { project, ended } = run(
      t,
      `local r = http { url = url .. "/in", auth = { bearer = secret("MY_TOKEN") } }
       local env = step("env", function()
         log.info("inside it is " .. os.getenv("MY_TOKEN"), { token = os.getenv("MY_TOKEN") })
         return os.getenv("MY_TOKEN")
       end)
       log.info("it is " .. env)
       state.set("k", env)
       error({ message = "leaks " .. r.body, echo = r.headers["x-echo"] })`,
      server,
      { MY_TOKEN: token },
    );
    const outcome = await ended;
    assert.strictEqual(outcome.code, 1, outcome);
    assert.strictEqual(server.requests[0].headers.authorization, `Bearer ${token}`);
    assert.match(outcome.stderr, /leaks you said/);
    assert.ok(!outcome.stderr.includes(token), outcome);
    assert.ok(!JSON.stringify(await project.show('c')).includes(token));
    assert.ok(!project.holds(token), 'the journal holds it');
    assert.ok(project.holds('you said'), 'the search looks at the right files');
  });
};
