'use strict';
// The runners themselves: a test that must fail does.

const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { countCmocka, countTap, countOwn } = require('../../run');

module.exports = (test) => {
  test('a wrong expectation is counted as failed', async (t) => {
    const project = t.project();
    project.write(
      's/right.lua',
      '-- Is right.\n-- expect: 1\nreturn { run = function() return 1 end }',
    );
    project.write(
      's/value.lua',
      '-- Wrong.\n-- expect: 2\nreturn { run = function() return 1 end }',
    );
    project.write(
      's/code.lua',
      '-- Wrong.\n-- expect-exit: 4\nreturn { run = function() error("x") end }',
    );
    project.write(
      's/text.lua',
      '-- Wrong.\n-- expect-error: something else\nreturn { run = function() error("x") end }',
    );
    project.write('s/says_nothing.lua', 'return { run = function() end }');
    const ended = spawnSync(process.execPath, [path.join(__dirname, '..', 'run.js'), t.build], {
      env: { ...process.env, TEND_TEST_SCRIPTS: project.path('s') },
      encoding: 'utf8',
    });
    assert.strictEqual(ended.status, 1, ended.stdout);
    assert.match(ended.stdout, /1 passed, 4 failed\n$/);
  });

  test('what other runners say is counted', async () => {
    assert.deepStrictEqual(
      countCmocka(
        '[  PASSED  ] 3 test(s).\n[  PASSED  ] 1 test(s).\n[  FAILED  ] 2 test(s), listed below:\n',
      ),
      { passed: 4, failed: 2, skipped: 0 },
    );
    assert.deepStrictEqual(countTap('# pass 5\n# fail 1\n# cancelled 1\n# skipped 2\n# todo 0\n'), {
      passed: 5,
      failed: 2,
      skipped: 2,
    });
    assert.deepStrictEqual(countOwn('x\n7 passed, 0 failed, 1 skipped\n'), {
      passed: 7,
      failed: 0,
      skipped: 1,
    });
  });
};
