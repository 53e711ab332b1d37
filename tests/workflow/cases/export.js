'use strict';
// `tend export` and `tend import`: runs leave a home as lines and are the same in another.

const assert = require('node:assert');

// Values that JSON can't say, or says inexactly.
const VALUES = `return { run = function()
  local v = step("values", function()
    return {
      whole = 9007199254740993, least = math.mininteger, half = 0.1, one = 1.0, zero = -0.0,
      nan = 0/0, inf = 1/0, minus = -1/0, bytes = "a\\255\\0b", null = json.null, list = json.array{},
      map = {}, tag = { ["$nil"] = true }, keys = { ["k\\254"] = 1, z = 2 }, text = "ü\\n\\1",
      long = ("line of a log "):rep(500),
    }
  end)
  return {
    v.whole == 9007199254740993, v.least == math.mininteger, v.half == 0.1, math.type(v.one),
    1 / v.zero == -1/0, v.nan ~= v.nan, v.inf == 1/0, v.minus == -1/0, v.bytes == "a\\255\\0b",
    v.null == json.null, #v.list, v.tag["$nil"], v.keys["k\\254"], v.text == "ü\\n\\1", #v.long,
    wait_for("go"),
  }
end }`;
const VALUES_RESULT =
  '[true,true,true,"float",true,true,true,true,true,true,0,true,1,true,7000,"gone on"]\n';

const PARENT = `return { run = function()
  local before = step("before", function()
    local f = io.open("steps.txt", "a") f:write("before\\n") f:close() return settings.color
  end)
  local got = invoke("child", {}, { name = "c" })
  return { before, got, settings.color }
end }`;
const CHILD = 'return { run = function() return wait_for("answer") end }';

/** Starts a run and ends its engine where it waits. (`show --json` can't print what it has.) */
async function untilWaiting(project, workflow, id) {
  const running = project.spawn(['run', workflow, '--id', id]);
  await project.until('the run to wait', async () => {
    const ended = await project.tend(['runs', '--json', '--status', 'waiting']);
    return ended.code === 0 && ended.stdout;
  });
  await running.end();
}

const there = ['--home', 'other'];
const linesOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

module.exports = (test) => {
  test('an unfinished run goes on in another home, its values exact', async (t) => {
    const project = t.project();
    project.workflow('values', VALUES);
    await untilWaiting(project, 'values', 'v');
    const first = await project.tend(['export', 'v']);
    assert.strictEqual(first.code, 0, first);
    project.write('runs.jsonl', first.stdout);
    const imported = await project.tend(['import', 'runs.jsonl', '--json', ...there]);
    assert.deepStrictEqual(imported.json, { imported: 1, present: 0, bundles: 2 });
    const second = await project.tend(['export', ...there]);
    assert.strictEqual(second.stdout, first.stdout);
    const again = await project.tend(['import', '-', '--json', ...there], { input: first.stdout });
    assert.deepStrictEqual(again.json, { imported: 0, present: 1, bundles: 0 });
    await project.tend(['signal', 'v', 'go', '"gone on"', ...there]);
    const resumed = await project.tend(['resume', 'v', '--json', ...there]);
    assert.strictEqual(resumed.stdout, VALUES_RESULT, resumed);
    const late = await project.tend(['import', 'runs.jsonl', ...there]);
    assert.strictEqual(late.code, 2, late);
    assert.match(late.stderr, /runs.jsonl: line 4: run v is in this home already, and is another or has gone on/);
  });

  test('parent and child keep each other, under new numbers, with settings and signals', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return { color = "red", key = secret "SOME_KEY" }');
    project.workflow('parent', PARENT);
    project.workflow('child', CHILD);
    project.workflow('other', 'return { run = function() return 1 end }');
    project.workflow('idle', 'return { run = function() wait_for("never") end }');
    for (const id of ['x', 'y']) await project.run('other', ['--id', id]); // numbers that differ
    const serving = await project.serve({ env: { SOME_KEY: 'a-very-secret-value' } });
    project.spawn(['run', 'parent', '--id', 'p']);
    project.spawn(['run', 'idle', '--id', 'i']);
    await project.untilStep('p', 'c', 'waiting');
    await project.untilStep('i', 'never', 'waiting');
    for (const payload of ['1', '2']) await project.tend(['signal', 'i', 'later', payload]);
    await project.until('the signals to be taken', async () => {
      const [, , idle] = linesOf((await project.tend(['export', 'i'])).stdout).slice(1);
      return idle && idle.signals.length === 2;
    });
    await serving.end('SIGTERM');

    const first = (await project.tend(['export', 'p', 'i'])).stdout;
    const runs = linesOf(first).filter((line) => line.run);
    assert.deepStrictEqual(linesOf(first)[0], { tend_archive: 1, runs: 3 });
    assert.strictEqual(runs.find((run) => run.workflow === 'child').parent, 'p');
    assert.ok(!first.includes('a-very-secret-value'));
    assert.match(first, /\{"\$secret":"SOME_KEY"\}/);

    project.write('tend.lua', 'return { color = "blue" }');
    assert.strictEqual((await project.tend(['import', '-', ...there], { input: first })).code, 0);
    assert.strictEqual((await project.tend(['export', ...there])).stdout, first);
    const child = runs.find((run) => run.workflow === 'child').run;
    await project.tend(['signal', child, 'answer', '42', ...there]);
    const resumed = await project.tend(['resume', 'p', '--json', ...there]);
    assert.strictEqual(resumed.stdout, '["red",42,"red"]\n', resumed); // the settings it began with
    assert.strictEqual(project.lines('steps.txt'), 1);
  });

  test('finished runs by status and workflow; what is failed can be retried there', async (t) => {
    const project = t.project();
    project.workflow('one', 'return { run = function() return 1 end }');
    project.workflow(
      'fails',
      `return { run = function()
        return step("s", { retry = false }, function() if not io.open("ok.txt") then error("no") end return 7 end)
      end }`,
    );
    await project.run('one', ['--id', 'a']);
    await project.run('fails', ['--id', 'f']);
    const all = await project.tend(['export']);
    assert.deepStrictEqual(linesOf(all.stdout).filter((line) => line.run).map((line) => line.run), ['a', 'f']);
    const named = await project.tend(['export', '--workflow', 'one']);
    assert.deepStrictEqual(linesOf(named.stdout).filter((line) => line.run).map((line) => line.run), ['a']);
    const failed = await project.tend(['export', '--status', 'failed']);
    await project.tend(['import', '-', ...there], { input: failed.stdout });
    project.write('ok.txt', '');
    assert.strictEqual((await project.tend(['retry', 'f', ...there])).code, 0);
    assert.strictEqual((await project.tend(['resume', 'f', '--json', ...there])).stdout, '7\n');
  });

  test('an archive that was cut or changed is refused whole, with the line', async (t) => {
    const project = t.project();
    project.workflow('one', 'return { run = function() return 1 end }');
    for (const id of ['a', 'b']) await project.run('one', ['--id', id]);
    const text = (await project.tend(['export'])).stdout;
    const lines = text.split('\n');
    const changed = (from, to) => text.replace(from, to);
    for (const [input, says] of [
      ['', /the archive is empty/],
      ['{}', /line 1: this is no archive of `tend export`/],
      ['[1]', /line 1: this is no archive/],
      ['{"tend_archive":2,"runs":0}', /line 1: an archive of format 2, .* use a newer tend/],
      [text.slice(0, -40), /line 5: not JSON/],
      [lines.slice(0, 4).join('\n'), /the archive was cut: it says that it has 2 runs, and has 1/],
      [changed('return 1 end', 'return 2 end'), /line 2: the bundle's contents aren't those of its hash/],
      [[lines[0], ...lines.slice(2)].join('\n'), /line 3: the run's sources .* are not in the archive/],
      [changed('"run":"b"', '"run":"a"'), /line 5: run a comes twice/],
      [changed('"run":"b"', '"run":"b/c"'), /line 5: its run has no proper id/],
      [changed('"status":"completed"', '"status":"happy"'), /line 4: the run has no proper status/],
      [changed('"type":"accepted"', '"type":"taken"'), /line 4: an entry lacks type, kind, key or value/],
      [changed('"type":"accepted"', '"type":"log"'), /line 4: the run's first entry is not its acceptance/],
      [changed('{"$bytes":"', '{"$bytes":"*'), /line 4: \{"\$bytes": …\} is not understood/],
      [changed('"$bytes"', '"$bites"'), /line 4: \{"\$bites": …\} is not understood/],
      [`${text}{"other":1}\n`, /line 6: neither a run nor a bundle/],
    ]) {
      const ended = await project.tend(['import', '-', ...there], { input });
      assert.strictEqual(ended.code, 1, `${says}: ${ended}`);
      assert.match(ended.stderr, says);
    }
    assert.strictEqual((await project.tend(['runs', '--json', ...there])).stdout, '');
  });

  test('wrong use says what is right', async (t) => {
    const project = t.project();
    project.workflow('one', 'return { run = function() return 1 end }');
    await project.run('one', ['--id', 'a']);
    project.write('runs.jsonl', (await project.tend(['export'])).stdout);
    for (const [args, says] of [
      [['export', 'nobody'], /no run nobody/],
      [['export', 'a', '--status', 'failed'], /name RUNs, or choose them by options, not both/],
      [['export', '--status', 'odd'], /'odd' is no status/],
      [['import'], /give one FILE/],
      [['import', 'nothing.jsonl'], /nothing.jsonl/],
    ]) {
      const ended = await project.tend(args);
      assert.strictEqual(ended.code, 2, ended);
      assert.match(ended.stderr, says);
    }
    await project.serve();
    const busy = await project.tend(['import', 'runs.jsonl']);
    assert.strictEqual(busy.code, 2, busy);
    assert.match(busy.stderr, /in use by process/);
  });

  test('links of continue_as come along, and go when they are pruned', async (t) => {
    const project = t.project();
    project.workflow(
      'links',
      `return { input = { n = 0 }, run = function(input)
        step("s", function() return input.n end)
        if input.n < 3 then continue_as { n = input.n + 1 } end
        return input.n
      end }`,
    );
    assert.strictEqual((await project.run('links', ['--id', 'l'])).stdout, '3\n');
    const first = (await project.tend(['export', 'l'])).stdout;
    assert.deepStrictEqual(
      linesOf(first).filter((line) => line.run).map((line) => line.run).sort(),
      ['l', 'l~1', 'l~2', 'l~3'],
    );
    await project.tend(['import', '-', ...there], { input: first });
    assert.strictEqual((await project.tend(['export', ...there])).stdout, first);
    const pruned = await project.tend(['prune', '--older-than', '0s', '--json', ...there]);
    assert.strictEqual(pruned.json.runs, 4, pruned);
    assert.strictEqual((await project.tend(['runs', '--json', ...there])).stdout, '');
  });
};
