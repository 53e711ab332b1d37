'use strict';
// Completion by bash (and zsh and fish where they are installed), and the manual page: all from the
// commands' own tables.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

async function help(project, ...words) {
  return (await project.tend([...words, '--help'])).stdout;
}
const commandsOf = (text) => [...text.matchAll(/^ {2}([a-z]+) +\S/gm)].map((match) => match[1]);
const optionsOf = (text) => [...new Set(text.match(/^ {2}--[a-z-]+/gm).map((word) => word.trim()))];

/** What bash offers for a line, whose last word is the one that is completed. */
function bash(project, words) {
  const script = `
    source <("$1" completion bash)
    compopt() { :; }
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _tend
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const ended = spawnSync('bash', ['-c', script, 'bash', project.program, ...words], {
    cwd: project.folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: project.folder },
  });
  assert.strictEqual(ended.status, 0, ended.stderr);
  assert.strictEqual(ended.stderr, '');
  return ended.stdout.split('\n').filter(Boolean);
}

module.exports = (test) => {
  test('bash completes every command and every option that the help names', async (t) => {
    const project = t.project();
    const general = await help(project);
    const commands = commandsOf(general);
    assert.ok(commands.length > 10);
    assert.deepStrictEqual(bash(project, ['']), commands);
    const shared = optionsOf(general);
    for (const command of commands) {
      const own = optionsOf((await help(project, command)).replace(/^$/m, '\n  --help'));
      const offered = bash(project, [command, '--']);
      for (const option of [...own, ...shared]) assert.ok(offered.includes(option), `${command} ${option}`);
      assert.strictEqual(new Set(offered).size, offered.length, `${command}: twice the same`);
    }
    assert.deepStrictEqual(bash(project, ['sch']), ['schedules']);
  });

  test('bash completes workflows, run ids, states, limits, files and folders', async (t) => {
    const project = t.project();
    project.workflow('morning', 'return { run = function() end }');
    project.workflow('morning_test', '');
    project.write('other/evening.lua', 'return { run = function() end }');
    await project.run('morning', ['--id', 'run-one']);
    await project.run('morning', ['--id', 'run-two', '--home', 'elsewhere']);
    assert.deepStrictEqual(bash(project, ['run', 'morn']), ['morning']);
    assert.deepStrictEqual(bash(project, ['run', '--workflows', 'other', 'ev']), ['evening']);
    assert.ok(bash(project, ['run', '']).includes('monitor_project_health'));
    for (const command of ['show', 'cancel', 'retry', 'resume', 'signal'])
      assert.deepStrictEqual(bash(project, [command, 'run-']), ['run-one']);
    assert.deepStrictEqual(bash(project, ['show', '--home', 'elsewhere', '']), ['run-two']);
    assert.deepStrictEqual(bash(project, ['show', '--home', '=', 'elsewhere', '']), ['run-two']);
    assert.deepStrictEqual(bash(project, ['show', 'run-one', '']), []);
    assert.deepStrictEqual(bash(project, ['runs', '--before', '']), ['run-one']);
    assert.deepStrictEqual(bash(project, ['runs', '--status', 'c']), ['completed', 'cancelled']);
    assert.deepStrictEqual(bash(project, ['run', 'morning', '--limit', 'w']), ['watchdog=', 'worker_memory=']);
    assert.deepStrictEqual(bash(project, ['run', '--log-level', '']), ['debug', 'info', 'warn', 'error']);
    assert.deepStrictEqual(bash(project, ['schedules', 'p']), ['pause']);
    assert.deepStrictEqual(bash(project, ['schedules', 'pause', 'mor']), ['morning']);
    assert.deepStrictEqual(bash(project, ['test', '--format', '']), ['text', 'tap', 'junit']);
    assert.deepStrictEqual(bash(project, ['completion', 'z']), ['zsh']);
    assert.deepStrictEqual(bash(project, ['check', 'oth']), ['other']);
    assert.deepStrictEqual(bash(project, ['check', 'other', 'work']), ['workflows']);
    assert.deepStrictEqual(bash(project, ['run', '--home', 'el']), ['elsewhere']);
    assert.deepStrictEqual(bash(project, ['no-such-command', '']), []);
  });

  test('a wrong home or names that would steer the terminal do no harm', async (t) => {
    const project = t.project();
    project.write('workflows/a\x1b[2J.lua', '');
    assert.deepStrictEqual(bash(project, ['show', '--home', 'no-such-home', '']), []);
    assert.ok(bash(project, ['run', 'a']).every((word) => !/\x1b/.test(word)));
  });

  test('zsh and fish take theirs', async (t) => {
    const project = t.project();
    for (const shell of ['bash', 'zsh', 'fish']) {
      const ended = await project.tend(['completion', shell]);
      assert.strictEqual(ended.code, 0);
      const file = project.write(`completion.${shell}`, ended.stdout);
      if (!has(shell)) continue;
      const checked = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
      assert.deepStrictEqual([checked.status, checked.stderr], [0, ''], shell);
    }
    if (has('fish')) {
      const script = `source completion.fish; complete -C '${project.program} sch' ; complete -C 'tend runs --st'`;
      const env = { PATH: `${path.dirname(project.program)}:${process.env.PATH}`, HOME: project.folder };
      const ended = spawnSync('fish', ['-c', script], { cwd: project.folder, encoding: 'utf8', env });
      assert.match(ended.stdout, /^--status\tOnly in this state/m, ended.stderr);
    }
    assert.strictEqual((await project.tend(['completion', 'tcsh'])).code, 2);
    assert.strictEqual((await project.tend(['completion'])).code, 2);
  });

  test('the manual page names every command and option, and man has no complaint', async (t) => {
    const project = t.project();
    const page = (await project.tend(['man'])).stdout;
    const file = project.write('tend.1', page);
    const shown = page.replace(/\\-/g, '-');
    for (const command of commandsOf(await help(project))) {
      assert.match(shown, new RegExp(`^\\.SS tend ${command}\\b`, 'm'));
      for (const option of optionsOf((await help(project, command)).replace(/^$/m, '\n  --help')))
        assert.ok(shown.includes(`.B ${option}`), `${command} ${option}`);
    }
    if (has('man')) {
      const env = { PATH: process.env.PATH, LANG: 'C.UTF-8', MANWIDTH: '80' };
      const ended = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', file], { encoding: 'utf8', env });
      assert.deepStrictEqual([ended.status, ended.stderr], [0, '']);
      assert.match(ended.stdout, /tend run TARGET/);
    }
    if (has('mandoc')) {
      const ended = spawnSync('mandoc', ['-T', 'lint', file], { encoding: 'utf8' });
      assert.strictEqual(ended.stdout.replace(/^.*referenced manual not found.*\n/gm, ''), '');
    }
  });

  test('make install puts program, manual page and completions where they are looked for', async (t) => {
    const project = t.project();
    const root = path.join(__dirname, '..', '..', '..');
    const ended = spawnSync('make', ['-s', '-C', root, 'install', `BUILD=${t.build}`, `PREFIX=${project.path('usr')}`, '-o', 'all'], {
      encoding: 'utf8',
    });
    assert.strictEqual(ended.status, 0, ended.stderr);
    for (const name of ['bin/tend', 'share/man/man1/tend.1', 'share/bash-completion/completions/tend', 'share/zsh/site-functions/_tend', 'share/fish/vendor_completions.d/tend.fish'])
      assert.ok(fs.statSync(project.path('usr', name)).size > 300, name);
  });
};
