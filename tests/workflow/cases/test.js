'use strict';
// tend test: workflows on the real engine, answers instead of the outside, time that passes at once.

const assert = require('node:assert');

/** A project with one workflow `w` and one test file; how `tend test` ends. */
const tested = (t, workflow, cases, args = []) => {
  const project = t.project();
  project.workflow('w', `return { input = { n = 0 }, run = function(input) ${workflow} end }`);
  project.workflow('w_test', `local test = require "test"\n${cases}`);
  return project.tend(['test', ...args]);
};

const one = (body) => `test.case("it", function(t) ${body} end)`;

const passes = async (t, workflow, cases, args) => {
  const ended = await tested(t, workflow, cases, args);
  assert.strictEqual(ended.code, 0, `${ended}`);
  return ended;
};

const fails = async (t, workflow, cases, ...patterns) => {
  const ended = await tested(t, workflow, cases, ['--watchdog', '500ms', '--limit', '8s']);
  assert.strictEqual(ended.code, 1, `${ended}`);
  for (const pattern of patterns) assert.match(ended.stdout, pattern);
  return ended;
};

module.exports = (test) => {
  test('answers come from the case: values, functions, one after the other', (t) =>
    passes(
      t,
      `local a = http("https://shop.example/a?x=1").json.n
       local b = http { url = "https://shop.example/b", json = { n = a } }.body
       local c = exec { cmd = "git", args = { "log", "-1" } }.stdout
       local d = llm { prompt = "p", schema = { type = "object", required = { "k" } } }.json.k
       return { a, b, c, d, agent { directory = "/x", prompt = "p" }.text, invoke("other", { n = 1 }),
                start("other", {}, { id = "own" }) }`,
      one(`t.http("GET shop.example/a", { { status = 503 }, { json = { n = 4 } } })
           t.http("shop.example/*", function(request)
             if request.path == "/a" then return { json = { n = 4 } } end
             return "b" .. request.json.n .. request.method
           end)
           t.exec("git log", "first")
           t.llm { json = { k = "v" } }
           t.agent("done")
           t.invoke("other", function(request) return request.input.n + 1 end)
           t.start("other")
           local run = t.run("w")
           t.equal(run.status, "completed")
           t.equal(run.result, { 4, "b4POST", "first", "v", "done", 2, "own" })
           t.equal(#t.calls("http"), 2)`),
    ));

  test('what is not mocked fails the case, names the call, and no pcall hides it', (t) =>
    fails(
      t,
      'pcall(http, "https://x.example/a") return 1',
      one('pcall(t.run, "w")'),
      /w_test\.lua:2: .*w\.lua:1: http "GET x\.example\/a" is not mocked; t\.http\(/,
    ));

  test('a child is mocked, or said to be real', async (t) => {
    await passes(t, 'if input.n > 0 then return input.n end return invoke("w", { n = 7 })',
      one('t.real("w") t.equal(t.run("w").result, 7)'));
    await fails(t, 'return invoke("w", { n = 7 })', one('t.run("w")'), /t\.real\("w"\)/);
  });

  test('a day passes at once, and the clock says so', (t) =>
    passes(
      t,
      `local before = now() sleep("1d")
       return { passed = now() - before, date = os.date("!%F", math.floor(now())) }`,
      one(`t.now("2026-02-28T23:00:00Z")
           t.equal(t.run("w").result, { passed = 86400.0, date = "2026-03-01" })`),
    ));

  test('retries wait in virtual time, and their waits are the same each time', (t) =>
    passes(
      t,
      'return exec { cmd = "flaky", retry = { attempts = 5, initial = "10m", max = "1h" } }.stdout',
      one(`t.exec("flaky", { 1, 2, test.failure { message = "gone" }, "good" })
           local run = t.run("w")
           t.equal(run.result, "good")
           t.equal(run.ended_at, "2026-01-05T10:10:00.000Z")`),
    ));

  test('timeouts strike: a call that is never answered, one that takes too long, a step', (t) =>
    passes(
      t,
      `local function kind(fn) local ok, err = pcall(fn) return ok and "ok" or err.kind end
       return { kind(function() http { url = "https://a.example/", timeout = "5s", retry = false } end),
                kind(function() http { url = "https://b.example/", timeout = "5s", retry = false } end),
                kind(function() step("s", { timeout = "3s", retry = false }, function() http("https://a.example/") end) end),
                now() }`,
      one(`t.http("a.example/", test.never)
           t.http("b.example/", 200, { takes = "6s" })
           local result = t.run("w").result
           t.equal(result, { "timeout", "timeout", "timeout", t.now() })
           t.equal(result[4], 1767603600.0 + 13)`),
    ));

  test('signals come when the case says', (t) =>
    passes(
      t,
      'return { wait_for("a", { timeout = "1h" }), wait_for("b", { timeout = "1h" }) or "none" }',
      one(`t.signal("a", { ok = true }, { after = "30m" })
           t.signal("b", 1, { after = "2h" })
           t.equal(t.run("w").result, { { ok = true }, "none" })`),
    ));

  test('a run that waits for ever is given back, and can be gone on with', (t) =>
    passes(
      t,
      'return wait_for("go")',
      one(`local run = t.run("w")
           t.equal(run.status, "waiting")
           t.advance("5m")
           t.signal("go", 3)
           t.go_on(run)
           t.equal(run.result, 3)
           t.equal(run.ended_at, "2026-01-05T09:05:00.000Z")`),
    ));

  test('the program ends while a call is under way: it is made again, what was done is not', (t) =>
    passes(
      t,
      'return { exec { cmd = "a" }.stdout, exec { cmd = "b" }.stdout }',
      one(`local keys = {}
           t.exec("a", "A")
           t.exec("b", function(request)
             keys[#keys + 1] = request.idempotency_key
             if #keys == 1 then t.crash() end
             return "B" .. request.attempt
           end)
           t.equal(t.run("w").result, { "A", "B2" })
           t.equal(#t.calls("exec", "a"), 1)
           t.equal(keys[1], keys[2])`),
    ));

  test('a run that does not replay is found', (t) =>
    fails(
      t,
      `local seen
       step("look", function() seen = true end)
       return seen and exec { cmd = "echo" }.stdout or "nothing"`,
      one('t.exec("echo", "hi") t.run("w")'),
      /replay of run test-1: it is blocked, but was completed: /,
    ));

  test('state, settings, secrets and chance are the case\'s own', (t) =>
    passes(
      t,
      `state.update("n", function(n) return n + 1 end)
       return { settings.shop, state.get("n"), http("https://x.example/").body, uuid(), uuid() }`,
      `local ids = {}
       ${one(`t.settings { shop = "acme" }
         t.secret("TOKEN", "very-secret-value")
         t.http("x.example/", "it is very-secret-value")
         t.settings { token = require("test") and secret "TOKEN" }
         t.state("n", 4)
         local result = t.run("w").result
         t.equal({ result[1], result[2] }, { "acme", 5 })
         t.ok(not result[3]:find("very-secret", 1, true), result[3])
         t.equal(t.state_of("n"), 5)
         t.ok(result[4] ~= result[5])`)}
       test.case("another begins anew", function(t) t.equal(t.state_of("n"), nil) end)`,
    ));

  test('the environment of who runs it is not seen', async (t) => {
    const project = t.project({ env: { TEND_MODEL: 'openai/of-the-machine' } });
    project.workflow('w', 'return { run = function() return settings.model or "none" end }');
    project.workflow('w_test',
      'require("test").case("it", function(t) t.equal(t.run("w").result, "none") end)');
    const ended = await project.tend(['test']);
    assert.strictEqual(ended.code, 0, `${ended}`);
  });

  test('a difference is told by its path, a failure by file and line', (t) =>
    fails(
      t,
      'return { items = { { name = "a" }, { name = "b" } }, more = 1 }',
      one('t.contains(t.run("w").result, { more = 1 })\nt.equal(t.run("w").result, { items = { { name = "a" }, { name = "c" } } })'),
      /w_test\.lua:3: value\.items\[2\]\.name: expected "c", is "b"/,
      /value\.more: expected nil, is 1/,
    ));

  test('an error of the test itself is told like any', (t) =>
    fails(t, 'return 1', one('local x\nx.y = 1'), /w_test\.lua:3: attempt to index a nil value/));

  test('a model\'s answer that does not fit the schema is a mistake of the test', (t) =>
    fails(
      t,
      'return llm { prompt = "p", schema = { type = "object", required = { "k" } } }.json',
      one('t.llm { json = { other = 1 } } t.run("w")'),
      /doesn't fit the call's schema: k: missing/,
    ));

  test('endless loops are ended: of the case, of the run, of time', async (t) => {
    const ended = await fails(
      t,
      'if input.n == 1 then while true do end end while true do sleep("1m") end',
      `test.case("own", function(t) while true do end end)
       test.case("run", function(t)
         t.settings { limits = { watchdog = "300ms" } }
         t.equal(t.run("w", { n = 1 }).error.kind, "watchdog")
       end)
       test.case("time", function(t) t.run("w") end)
       test.case("within", function(t) t.equal(t.run("w", {}, { within = "1h" }).status, "waiting") end)`,
      /FAILED {2}own .*\n.*w_test\.lua:2: .*processor time/,
      /FAILED {2}time .*\n.*the case has run for 8 s/,
    );
    assert.match(ended.stdout, /ok {6}run [^]*ok {6}within [^]*2 passed, 2 failed/);
  });

  test('TAP: plan, numbers, where and why', async (t) => {
    const ended = await tested(
      t,
      'return 1',
      `test.case("good # one", function(t) t.equal(t.run("w").result, 1) end)
       test.case("bad", function(t) t.equal(t.run("w").result, 2) end)
       test.case("later", function(t) t.skip("not now") end)`,
      ['--format', 'tap'],
    );
    assert.strictEqual(ended.code, 1);
    assert.match(ended.stdout, /^TAP version 14\n1\.\.3\n/);
    assert.match(ended.stdout, /^ok 1 - workflows\/w_test\.lua: good \\# one$/m);
    assert.match(ended.stdout, /^not ok 2 - .*: bad\n {2}---\n.*\n {2}at: "workflows\/w_test\.lua:3"\n {2}message: \|\n {4}value: expected 2, is 1$/m);
    assert.match(ended.stdout, /^ok 3 - .*: later # SKIP not now$/m);
  });

  test('JUnit to a file, lines for people beside it', async (t) => {
    const project = t.project();
    project.workflow('w', 'return { run = function() return "<&>" end }');
    project.workflow('w_test', `local test = require "test"
      test.case("a < b", function(t) print("said") t.equal(t.run("w").result, '"') end)`);
    const ended = await project.tend(['test', '--format', 'junit', '--output', 'report.xml']);
    assert.strictEqual(ended.code, 1);
    assert.match(ended.stdout, /0 passed, 1 failed/);
    const report = project.read('report.xml');
    assert.match(report, /<testsuite name="workflows\/w_test\.lua" tests="1" failures="1" errors="0"/);
    assert.match(report, /<testcase classname="workflows\/w_test\.lua" name="a &lt; b"/);
    assert.match(report, /<failure message="value: expected &quot;\\&quot;&quot;, is &quot;&lt;&amp;&gt;&quot;"/);
    assert.match(report, /<system-out>said/);
  });

  test('a file that does not load is exit 2, and the others are run', async (t) => {
    const project = t.project();
    project.workflow('w', 'return { run = function() return 1 end }');
    project.workflow('a_test', 'local test = require "test"\nlocal x = = 1');
    project.workflow('b_test', 'require("test").case("it", function(t) t.ok(t.run("w").result) end)');
    const ended = await project.tend(['test']);
    assert.strictEqual(ended.code, 2, `${ended}`);
    assert.match(ended.stdout, /can't be loaded\n.*a_test\.lua:2: /);
    assert.match(ended.stdout, /1 passed, 1 failed/);
  });

  test('no tests, a wrong path, a wrong option, a filter without a case: exit 2', async (t) => {
    const project = t.project();
    project.workflow('a_test', 'require("test").case("it", function() end)');
    for (const [args, pattern] of [
      [['nowhere'], /nowhere: no such file/],
      [['--filter', 'zzz'], /no case's name holds/],
      [['--format', 'xml'], /--format is text, tap or junit/],
      [['--limit', 'soon'], /--limit is a time/],
      [['--output', 'x'], /--output wants --format/],
    ]) {
      const ended = await project.tend(['test', ...args]);
      assert.strictEqual(ended.code, 2, `${args}: ${ended}`);
      assert.match(ended.stderr, pattern);
    }
    const filtered = await project.tend(['test', '--filter', 'a_test.lua: it']);
    assert.match(filtered.stdout, /1 passed/);
  });

  test('require "test" in a workflow says where it belongs', async (t) => {
    const project = t.project();
    project.workflow('w', 'local test = require "test" return { run = function() end }');
    const ended = await project.tend(['check']);
    assert.strictEqual(ended.code, 1);
    assert.match(ended.stdout, /run them with `tend test`/);
  });
};
