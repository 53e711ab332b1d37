'use strict';
// The bound of isolates in memory: further runs queue, what only waits makes room, nothing is stuck.

const assert = require('node:assert');

/** A Lua expression: the most memory, in MiB, that this tend has held so far. */
const PEAK = `step("peak", function()
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^VmHWM:%s*(%d+)")
    if kib then return kib // 1024 end
  end
end)`;

function assertPeak(t, mib, most) {
  assert.ok(mib > 0);
  const isSanitized = /-[at]san/.test(t.build); // their shadows count, too
  if (!isSanitized) assert.ok(mib < most, `it held ${mib} MiB`);
}

const NAP = `return { run = function(input)
  for i = 1, 3 do sleep(0.02) end
  return input.n
end }`;

const limited = (limits) => `return { limits = { ${limits} } }`;

module.exports = (test) => {
  test('many runs with two places: all end, parents, children and branches too', async (t) => {
    const project = t.project();
    project.write('tend.lua', limited('isolates = 2'));
    project.workflow('nap', NAP);
    project.workflow(
      'tree',
      `return { run = function(input)
        if input.depth == 0 then sleep(0.01) return 1 end
        local made = parallel {
          left = function() return invoke("tree", { depth = input.depth - 1, at = input.at .. "l" }) end,
          right = function() return invoke("tree", { depth = input.depth - 1, at = input.at .. "r" }) end,
          nap = function() sleep(0.01) return 0 end,
        }
        return made.left + made.right
      end }`,
    );
    project.workflow(
      'many',
      `return { run = function()
        local naps = {}
        for i = 1, 40 do naps[i] = function() return invoke("nap", { n = i }) end end
        local sum = 0
        for _, n in ipairs(parallel(naps)) do sum = sum + n end
        return { sum, invoke("tree", { depth = 4, at = "" }) }
      end }`,
    );
    const ended = await project.run('many');
    assert.strictEqual(ended.stdout, '[820,16]\n', ended);
  });

  test('one place is enough, for a chain of children and for a cancel of them', async (t) => {
    const project = t.project();
    project.write('tend.lua', limited('isolates = 1'));
    project.workflow(
      'chain',
      `return { run = function(input)
        local noted <close> = setmetatable({}, { __close = function()
          step("note", function() local f <close> = io.open("ends.txt", "a") f:write(input.depth, "\\n") end)
        end })
        if input.depth == 0 then return input.waits and wait_for("never") or "bottom" end
        return invoke("chain", { depth = input.depth - 1, waits = input.waits })
      end }`,
    );
    const ended = await project.run('chain', ['--input', '{"depth":5}']);
    assert.strictEqual(ended.stdout, '"bottom"\n', ended);
    const server = await project.serve();
    const waits = project.spawn(['run', 'chain', '--id', 'w', '--input', '{"depth":3,"waits":true}']);
    await project.until('all of the chain', async () => (await project.runs(['--status', 'waiting'])).length === 4);
    await project.tend(['cancel', 'w']);
    assert.strictEqual((await waits.ended).code, 3);
    assert.strictEqual((await project.runs(['--status', 'cancelled'])).length, 4);
    assert.strictEqual(project.lines('ends.txt'), 6 + 4);
    await server.end('SIGTERM');
  });

  test('who finds no room queues in order, and a long effect holds its place', async (t) => {
    const project = t.project();
    project.write('tend.lua', limited('isolates = 1'));
    project.workflow(
      'order',
      `return { run = function(input)
        step("note", function() local f <close> = io.open("order.txt", "a") f:write(input.n, "\\n") end)
        exec { cmd = "sleep", args = { "0.05" } }
        step("end", function() local f <close> = io.open("order.txt", "a") f:write("end ", input.n, "\\n") end)
      end }`,
    );
    project.workflow('all', 'return { run = function() for n = 1, 6 do start("order", { n = n }) end end }');
    const server = await project.serve();
    assert.strictEqual((await project.run('all')).code, 0);
    await project.until('all', () => project.lines('order.txt') === 12);
    await server.end('SIGTERM');
    const lines = project.read('order.txt').trim().split('\n');
    // A server has a worker per core: each has one at a time, in the order in which they came.
    const begun = lines.filter((line) => !line.startsWith('end'));
    let most = 0;
    let now = 0;
    for (const line of lines) most = Math.max(most, (now += line.startsWith('end') ? -1 : 1));
    assert.ok(most <= require('node:os').availableParallelism(), `${most} at once`);
    assert.strictEqual(new Set(begun).size, 6);
  });

  test('where memory is short, what waits leaves, and others queue', async (t) => {
    const project = t.project();
    project.write('tend.lua', limited('worker_memory = "8MiB"'));
    project.workflow(
      'big',
      `return { run = function(input)
        local held = string.rep("x", 2 << 20)
        for i = 1, 3 do sleep(0.3) end
        return #held
      end }`,
    );
    project.workflow(
      'many',
      `return { run = function()
        local all = {}
        for i = 1, 60 do all[i] = function() return invoke("big", { n = i }) end end
        local sum = 0
        for _, n in ipairs(parallel(all)) do sum = sum + n end
        return { sum, ${PEAK} }
      end }`,
    );
    const ended = await project.run('many');
    assert.strictEqual(ended.code, 0, ended);
    assert.strictEqual(ended.json[0], 60 * (2 << 20));
    assertPeak(t, ended.json[1], 64); // without the bound: the 120 MiB that all hold together
  });

  test('a run that is 8 MiB ahead of the disk waits for it', async (t) => {
    const project = t.project();
    project.workflow(
      'ahead',
      `return { run = function(input)
        local text = string.rep("x", 2 << 20)
        for i = 1, 100 do step("large", function() return text end) end
        return ${PEAK}
      end }`,
    );
    const ended = await project.run('ahead');
    assert.strictEqual(ended.code, 0, ended);
    assertPeak(t, ended.json, 120); // without the bound: more than the 200 MiB of all steps
  });

  test('a limit that is none is an error', async (t) => {
    for (const wrong of ['isolates = 0', 'isolates = "many"', 'worker_memory = "4 apples"']) {
      const project = t.project();
      project.write('tend.lua', limited(wrong));
      project.workflow('nap', NAP);
      const ended = await project.run('nap');
      assert.strictEqual(ended.code, 2, ended);
      assert.match(ended.stderr, /(isolates must be a positive integer|worker_memory is no size)/);
    }
  });
};
