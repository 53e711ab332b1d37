'use strict';
// tend check: what it finds, and its exit codes.

const assert = require('node:assert');

module.exports = (test) => {
  test('good workflows are exit 0', async (t) => {
    const project = t.project();
    project.workflow('good', 'local m = require "mod"\nreturn { run = function() return m end }');
    project.workflow('mod', 'return { run = function() end }');
    const ended = await project.tend(['check']);
    assert.deepStrictEqual([ended.code, ended.stdout], [0, ''], ended);
    assert.match(ended.stderr, /2 files, 0 findings/);
  });

  test('a syntax error is told with file and line', async (t) => {
    const project = t.project();
    project.workflow('good', 'return { run = function() end }');
    project.workflow('broken', 'return {\n  run = function()\n    local x = = 1\n  end\n}');
    const ended = await project.tend(['check']);
    assert.strictEqual(ended.code, 1, ended);
    assert.match(ended.stdout, /^workflows\/broken\.lua:3: /m);
    assert.strictEqual(ended.stdout.trim().split('\n').length, 1);
  });

  test('a syntax error in a module is told with its own file and line', async (t) => {
    const project = t.project();
    project.write('w/flow.lua', 'local m = require("lib.mod")\nreturn { run = m }');
    project.write('w/lib/mod.lua', '\nreturn ]');
    const ended = await project.tend(['check', 'w/flow.lua']);
    assert.strictEqual(ended.code, 1, ended);
    assert.match(ended.stdout, /w\/lib\/mod\.lua:2: /);
  });

  test('a file that is no workflow is told', async (t) => {
    const project = t.project();
    project.workflow('number', 'return 42');
    project.workflow('no_run', 'return { description = "x" }');
    project.workflow('raises', 'error("at load")');
    const ended = await project.tend(['check', 'workflows']);
    assert.strictEqual(ended.code, 1, ended);
    assert.match(ended.stdout, /number\.lua: is no workflow: it returns a number/);
    assert.match(ended.stdout, /no_run\.lua: is no workflow: .*no `run`/);
    assert.match(ended.stdout, /raises\.lua:1: at load/);
  });

  test('a path that is not there is exit 2', async (t) => {
    const project = t.project();
    const ended = await project.tend(['check', 'nowhere']);
    assert.strictEqual(ended.code, 2, ended);
    assert.match(ended.stderr, /nowhere/);
  });
};
