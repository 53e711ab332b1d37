'use strict';
// tend init: a project that runs, is tested and checked at once, and that overwrites nothing.

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');

module.exports = (test) => {
  test('the new project runs, passes its test and its check', async (t) => {
    const project = t.project();
    const made = await project.tend(['init']);
    assert.strictEqual(made.code, 0, made);
    assert.match(made.stdout, /wrote +\.\/workflows\/hello\.lua/);
    const ended = await project.run('hello', ['--set', 'name=you']);
    assert.strictEqual(ended.stdout, '{"greeting":"Hello, you!","length":11}\n', ended);
    const tested = await project.tend(['test']);
    assert.strictEqual(tested.code, 0, tested);
    const checked = await project.tend(['check']);
    assert.strictEqual(checked.code, 0, checked);
    const editor = JSON.parse(project.read('.luarc.json'));
    assert.match(editor['workspace.library'][0], /\/stdlib$/);
    assert.match(project.read('.gitignore'), /^\.tend\/$/m);
  });

  test('what is there stays as it is', async (t) => {
    const project = t.project();
    project.write('tend.lua', 'return { mine = true }');
    const made = await project.tend(['init']);
    assert.strictEqual(made.code, 0, made);
    assert.match(made.stdout, /kept +\.\/tend\.lua/);
    assert.strictEqual(project.read('tend.lua'), 'return { mine = true }');
    const again = await project.tend(['init']);
    assert.ok(!again.stdout.includes('wrote'), again);
  });

  test('another folder is made; a file in its place is an error', async (t) => {
    const project = t.project();
    const made = await project.tend(['init', 'new']);
    assert.match(made.stdout, /Now: cd new && tend run hello/);
    assert.ok(project.exists('new/workflows/hello.lua'));
    project.write('file', '');
    const wrong = await project.tend(['init', 'file']);
    assert.strictEqual(wrong.code, 1, wrong);
    assert.match(wrong.stderr, /file\/workflows: Not a directory/);
    assert.strictEqual((await project.tend(['init', 'a', 'b'])).code, 2);
  });

  test('luacheck is content with what it writes', async (t) => {
    const project = t.project();
    await project.tend(['init']);
    try {
      execFileSync('luacheck', ['--version'], { stdio: 'ignore' });
    } catch {
      return; // only `make check` installs it
    }
    execFileSync('luacheck', ['--quiet', 'workflows'], { cwd: project.path('.') });
  });
};
