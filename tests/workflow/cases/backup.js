'use strict';
// `tend backup` while an engine works, and `tend restore`: what was there goes on from there.

const assert = require('node:assert');

const STEPS = `return { input = { n = 30 }, run = function(input)
  for i = 1, input.n do
    step("s" .. i, function() local f = io.open("done.txt", "a") f:write(i, "\\n") f:close() return i end)
  end
  wait_for("go")
  return input.n
end }`;

module.exports = (test) => {
  test('a backup that is made while runs are at work goes on from where it was', async (t) => {
    const project = t.project();
    project.workflow('steps', STEPS);
    await project.serve();
    project.spawn(['run', 'steps', '--id', 'w']);
    await project.until('some steps', async () => project.lines('done.txt') > 3);
    const made = await project.tend(['backup', 'copies', '--json']);
    assert.strictEqual(made.code, 0, made);
    assert.ok(made.json.bytes > 8192, made);
    await project.untilStep('w', 'go', 'waiting');

    const home = ['--home', 'new'];
    const restored = await project.tend(['restore', 'copies', ...home, '--json']);
    assert.strictEqual(restored.json.moved_to, null, restored);
    const shown = (await project.tend(['show', 'w', '--json', ...home])).json;
    const done = shown.steps.filter((step) => step.status === 'completed').length;
    assert.strictEqual((await project.tend(['signal', 'w', 'go', ...home])).code, 0);
    const before = project.lines('done.txt');
    const resumed = await project.tend(['resume', 'w', '--json', ...home]);
    assert.strictEqual(resumed.stdout, '30\n', resumed);
    assert.strictEqual(project.lines('done.txt') - before, 30 - done); // nothing that was recorded
  });

  test('a home in use, a journal that is there, a backup that is none: each says what to do', async (t) => {
    const project = t.project();
    project.workflow('one', 'return { run = function() return 1 end }');
    await project.run('one', ['--id', 'a']);
    await project.tend(['backup', 'copy']);
    await project.run('one', ['--id', 'b']);
    for (const [args, says] of [
      [['backup', 'copy'], /copy is not empty/],
      [['backup', 'none/copy'], /none\/copy.*No such file/],
      [['backup'], /give one DIR/],
      [['backup', 'x', '--home', 'nowhere'], /No such file|no journal/],
      [['restore', 'copy'], /has a journal already; --force moves it aside/],
      [['restore', 'nothing'], /no backup: nothing isn't there/],
      [['restore', 'workflows'], /no backup in workflows: there is no workflows\/journal.mdb/],
    ]) {
      const ended = await project.tend(args);
      assert.strictEqual(ended.code, 2, ended);
      assert.match(ended.stderr, says);
    }
    const serving = await project.serve();
    const busy = await project.tend(['restore', 'copy', '--force']);
    assert.strictEqual(busy.code, 2, busy);
    assert.match(busy.stderr, /in use by process/);
    await serving.end('SIGTERM');
    const forced = await project.tend(['restore', 'copy', '--force', '--json']);
    assert.strictEqual(forced.code, 0, forced);
    assert.deepStrictEqual((await project.runs()).map((run) => run.id), ['a']);
    const kept = await project.tend(['runs', '--json', '--home', forced.json.moved_to]);
    assert.strictEqual(kept.stdout.split('\n').filter(Boolean).length, 2);
  });
};
