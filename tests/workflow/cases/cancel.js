'use strict';
// tend cancel: a run ends where it is, with its cleanup.

const assert = require('node:assert');

const NOTE = `local function note(text)
  step("note " .. text, function()
    local file <close> = assert(io.open("notes.txt", "a"))
    file:write(text, "\\n")
  end)
end
`;

const cancelled = (project, id) =>
  project.until(`${id} to be cancelled`, async () => {
    const { run } = await project.show(id);
    return run.status === 'cancelled' && run;
  });

module.exports = (test) => {
  test('cancelled is raised where the run waits; <close> may use primitives', async (t) => {
    const project = t.project();
    project.workflow(
      'naps',
      `${NOTE}return { run = function()
        local cleanup <close> = setmetatable({}, { __close = function() sleep(0.01) note("closed") end })
        local ok, err = pcall(sleep, "1h")
        note(err.kind)
        return "went on"
      end }`,
    );
    await project.serve();
    const running = project.spawn(['run', 'naps', '--id', 'n', '--json']);
    await project.untilStep('n', 'sleep', 'waiting');
    assert.strictEqual((await project.tend(['cancel', 'n'])).code, 0);
    const ended = await running.ended;
    assert.deepStrictEqual([ended.code, ended.stdout], [3, ''], ended);
    assert.strictEqual(project.read('notes.txt'), 'cancelled\nclosed\n');
    const again = await project.tend(['cancel', 'n']);
    assert.strictEqual(again.code, 2);
    assert.match(again.stderr, /run n is cancelled already/);
  });

  test('a cancel without an engine waits for one, and a replay raises it at the same place', async (t) => {
    const project = t.project();
    project.workflow(
      'twice',
      `${NOTE}return { run = function()
        note("before")
        pcall(sleep, "1h")
        note("after")
        sleep(1.2)
        note("end")
      end }`,
    );
    let running = project.spawn(['run', 'twice', '--id', 'n']);
    await project.untilStep('n', 'sleep', 'waiting');
    await running.end();
    assert.match((await project.tend(['cancel', 'n'])).stderr, /no engine runs now/);
    running = project.spawn(['resume', 'n']);
    await project.untilStep('n', 'sleep#2', 'waiting');
    await running.end();
    const ended = await project.tend(['resume', 'n', '--json']);
    assert.strictEqual(ended.code, 3, ended);
    assert.strictEqual(project.read('notes.txt'), 'before\nafter\nend\n');
  });

  test('every branch is cancelled, and what is under way is ended', async (t) => {
    const project = t.project();
    project.workflow(
      'wide',
      `${NOTE}return { run = function()
        local function branch(fn)
          return function()
            local ok, err = pcall(fn)
            note(err.kind)
          end
        end
        parallel({
          a = branch(function() sleep("1h") end),
          b = branch(function() exec { cmd = "sleep", args = { "3600" } } end),
          c = branch(function() step("inside", function() exec { cmd = "sleep", args = { "3600" } } end) end),
        }, { settle = true })
      end }`,
    );
    await project.serve();
    project.spawn(['run', 'wide', '--id', 'n']);
    for (const key of ['a/sleep', 'b/sleep', 'c/inside']) {
      const status = key === 'a/sleep' ? 'waiting' : 'running';
      await project.untilStep('n', `parallel/${key}`, status);
    }
    await project.tend(['cancel', 'n']);
    await cancelled(project, 'n');
    assert.strictEqual(project.read('notes.txt'), 'cancelled\ncancelled\ncancelled\n');
  });

  test('a child by invoke is cancelled and waited for, one by start is not', async (t) => {
    const project = t.project();
    project.workflow(
      'child',
      `${NOTE}return { run = function()
        pcall(sleep, "1h")
        sleep(0.2)
        note("child")
      end }`,
    );
    project.workflow(
      'parent',
      `${NOTE}return { run = function()
        start("child", {}, { id = "started" })
        pcall(invoke, "child", {}, { id = "invoked" })
        note("parent")
      end }`,
    );
    await project.serve();
    project.spawn(['run', 'parent', '--id', 'n']);
    await project.untilStep('invoked', 'sleep', 'waiting');
    await project.untilStep('started', 'sleep', 'waiting');
    await project.tend(['cancel', 'n']);
    const parent = await cancelled(project, 'n');
    const child = (await project.show('invoked')).run;
    assert.strictEqual(child.status, 'cancelled');
    assert.ok(child.ended_at <= parent.ended_at, `${child.ended_at} after ${parent.ended_at}`);
    assert.strictEqual((await project.show('started')).run.status, 'waiting');
    assert.strictEqual(project.read('notes.txt'), 'parent\nchild\n');
  });

  test('after the grace the run ends without more Lua', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return { limits = { cancel_grace = "300ms" } }');
    project.workflow(
      'stays',
      `${NOTE}return { run = function() pcall(sleep, "1h") sleep("1h") note("never") end }`,
    );
    await project.serve();
    project.spawn(['run', 'stays', '--id', 'n']);
    await project.untilStep('n', 'sleep', 'waiting');
    await project.tend(['cancel', 'n']);
    await cancelled(project, 'n');
    assert.strictEqual(project.exists('notes.txt'), false);
  });

  test('a blocked run is cancelled without any Lua; no run, no name: an error', async (t) => {
    const project = t.project();
    project.workflow(
      'forgets',
      `${NOTE}return { run = function()
        local remembered = false
        step("look", function() remembered = true end)
        if remembered then sleep(1.2) end
        note("never")
      end }`,
    );
    assert.strictEqual((await project.run('forgets', ['--id', 'n'])).code, 4);
    await project.tend(['cancel', 'n']);
    project.workflow('other', 'return { run = function() end }');
    await project.run('other'); // an engine, for a moment
    assert.strictEqual((await project.show('n')).run.status, 'cancelled');
    assert.strictEqual(project.exists('notes.txt'), false);
    for (const args of [['cancel', 'nobody'], ['cancel']])
      assert.strictEqual((await project.tend(args)).code, 2);
  });
};
