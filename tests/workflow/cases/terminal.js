'use strict';
// Progress on a terminal, seen on a screen; and what other uses of the command line look like.

const assert = require('node:assert');
const fs = require('node:fs');
const { onTerminal } = require('../terminal');

// Waits outside until the file GO is there, so that a test can look meanwhile.
const WAITS = `exec { name = "wait", cmd = "sh", args = { "-c", "while [ ! -e go ]; do sleep 0.05; done" } }`;

/** Until the screen shows it. */
const shows = (project, terminal, pattern) =>
  project.until(`${pattern} on the screen:\n${terminal.screen.text}`, () => pattern.test(terminal.screen.text));

module.exports = (test) => {
  test('steps, branches and children stand in a tree, and a summary at its end', async (t) => {
    const project = t.project();
    project.workflow('child', `return { run = function() ${WAITS} end }`);
    project.workflow('tree', `return { run = function()
      step("first", function() return 1 end)
      parallel({ left = function() ${WAITS} end, right = function() return invoke("child", {}) end }, { name = "both" })
      return "the result"
    end }`);
    const terminal = onTerminal(project, ['run', 'tree', '--id', 'tree-1']);
    await shows(project, terminal, /child \(invoke\).*\n.*wait \(exec\)/);
    const lines = terminal.screen.text.split('\n').map((line) => line.replace(/\d+ ms|\d+\.\d s/g, 'T'));
    assert.match(lines[0], /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] tree tree-1/);
    assert.match(lines[1], /^  ✓ first T/);
    assert.match(lines[2], /^  . both \(parallel\)/);
    assert.match(lines[3], /^    . left/);
    assert.match(lines[4], /^      . wait \(exec\)/);
    assert.match(lines[5], /^    . right/);
    assert.match(lines[6], /^      . child \(invoke\)/);
    assert.match(lines[7], /^        . wait \(exec\)/);
    project.write('go', '');
    const ended = await terminal.ended;
    assert.strictEqual(ended.code, 0, ended);
    assert.deepStrictEqual(terminal.screen.unknown, []);
    assert.match(
      terminal.screen.text,
      /^✓ tree tree-1 .*\n {2}✓ first .*\n {2}✓ both \(parallel\).*\ntree completed in .*, \d+ steps\n"the result"$/,
    );
  });

  test('logs stand above the tree', async (t) => {
    const project = t.project();
    project.workflow('logs', `return { run = function()
      log.info("before it") ${WAITS} log.warn("after it")
    end }`);
    const terminal = onTerminal(project, ['run', 'logs', '--id', 'l']);
    await shows(project, terminal, /wait/);
    assert.match(terminal.screen.text, /^l {2}info {5}before it\n. logs/);
    project.write('go', '');
    await terminal.ended;
    assert.match(terminal.screen.text, /^l {2}info {5}before it\nl {2}warn {5}after it\n✓ logs l/);
  });

  test('what scripts say can not steer the terminal', async (t) => {
    const project = t.project();
    project.workflow('evil', `return { run = function()
      log.info("a\\27[2J\\27]0;title\\7b\\nforged line")
      step("name\\27[31m\\r\\194\\155J", function() return 1 end)
      step("bad", function() fatal("message\\27[2J") end)
    end }`);
    const terminal = onTerminal(project, ['run', 'evil', '--id', 'evil-1'], { columns: 120 });
    await terminal.ended;
    assert.deepStrictEqual(terminal.screen.unknown, []);
    assert.match(terminal.screen.text, /a\\x1b\[2J\\x1b\]0;title\\x07b\\nforged line/);
    assert.match(terminal.screen.text, /✓ name\\x1b\[31m\\x0d\\x9bJ/);
    assert.match(terminal.screen.text, /✗ bad .*message\\x1b\[2J/);
    for (const args of [['show', 'evil-1'], ['runs']]) {
      const shown = onTerminal(project, args, { columns: 160 });
      await shown.ended;
      assert.deepStrictEqual(shown.screen.unknown, []);
      assert.match(shown.screen.text, /message\\x1b\[2J/);
    }
    const plain = await project.tend(['run', 'evil', '--id', 'evil-2']);
    assert.doesNotMatch(plain.stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  test('a long list folds to the height of the screen, and a resize is honoured', async (t) => {
    const project = t.project();
    project.workflow('long', `return { run = function()
      for i = 1, 50 do step("step " .. i .. " with a name that is rather long for a narrow screen", function() return i end) end
      ${WAITS}
    end }`);
    const small = onTerminal(project, ['run', 'long'], { rows: 8, columns: 90 });
    await shows(project, small, /wait/);
    assert.deepStrictEqual(small.screen.scrolled, []);
    assert.match(small.screen.text, /… 4\d ended before/);
    project.write('go', '');
    await small.ended;
    assert.match(small.screen.text, /long completed in .*, 51 steps\nnull$/);

    fs.unlinkSync(project.path('go'));
    const before = '(while [ ! -e shrink ]; do sleep 0.05; done; stty rows 7 cols 40 < /dev/tty && touch shrunk) &';
    const resized = onTerminal(project, ['run', 'long'], { rows: 24, columns: 90, before });
    await shows(project, resized, /wait/);
    project.write('shrink', '');
    await project.until('the resize', () => project.exists('shrunk'));
    const seen = resized.frames.length;
    await project.until('a frame after it', () => resized.frames.length > seen + 2);
    const last = resized.frames[resized.frames.length - 1].text.replace(/\x1b\[[0-9]*[A-Za-z]/g, '');
    const lines = last.split(/\r?\n/).filter(Boolean);
    assert.ok(lines.length <= 6, last);
    assert.ok(lines.every((line) => [...line].length < 40), last);
    project.write('go', '');
    assert.strictEqual((await resized.ended).code, 0);
  });

  test('a frame is one write, at most fifteen a second', async (t) => {
    const project = t.project();
    project.workflow('busy', `return { run = function()
      for i = 1, 400 do step("s", function() local s = 0 for j = 1, 100000 do s = s + j end return s end) end
    end }`);
    const began = Date.now();
    const terminal = onTerminal(project, ['run', 'busy']);
    await terminal.ended;
    const seconds = (Date.now() - began) / 1000;
    const output = terminal.frames.map((frame) => frame.text).join('');
    const frames = output.match(/\x1b\[J/g).length;
    assert.ok(frames <= seconds * 15 + 2, `${frames} frames in ${seconds} s`);
    assert.strictEqual(output.match(/\r\x1b\[\d+A/g)?.length ?? 0, frames - 1, 'each frame goes up once');
  });

  test('Ctrl-C leaves the terminal as it was, and says how to go on', async (t) => {
    const project = t.project();
    project.workflow('waits', `return { run = function() ${WAITS} return 7 end }`);
    const terminal = onTerminal(project, ['run', 'waits', '--id', 'w-1']);
    await shows(project, terminal, /wait/);
    terminal.type('\x03');
    const ended = await terminal.ended;
    assert.strictEqual(ended.code, 130, ended);
    assert.deepStrictEqual(terminal.screen.unknown, []);
    assert.match(terminal.screen.text, /waits w-1.*\n.*wait.*\ntend: interrupted; the run stays\. Go on with: tend resume w-1$/);
    project.write('go', '');
    const resumed = onTerminal(project, ['resume', 'w-1']);
    assert.strictEqual((await resumed.ended).code, 0);
    assert.match(resumed.screen.text, /waits completed in/);
  });

  test('NO_COLOR, TERM=dumb, --quiet and a plain locale are respected', async (t) => {
    const project = t.project();
    project.workflow('one', 'return { run = function() step("it", function() return 1 end) return "r" end }');
    const show = async (args, env) => {
      const terminal = onTerminal(project, ['run', 'one', ...args], { env });
      await terminal.ended;
      return terminal.frames.map((frame) => frame.text).join('');
    };
    assert.match(await show([], {}), /\x1b\[32m✓/);
    const plain = await show([], { NO_COLOR: '1' });
    assert.doesNotMatch(plain, /\x1b\[[0-9;]*m/);
    assert.match(plain, /✓ it/);
    assert.match(await show([], { TERM: 'dumb' }), /^\w+ {2}done {5}it \(step\)[^\x1b]*$/);
    assert.strictEqual((await show(['--quiet'], {})).trim(), '"r"');
    assert.match(await show([], { LANG: 'C', LC_ALL: 'C' }), /^[\x00-\x7f]*\+[\x00-\x7f]* it[\x00-\x7f]*$/);
  });

  test('without a terminal, and from serve on one, progress is plain lines', async (t) => {
    const project = t.project();
    project.workflow('one', 'return { run = function() step("it", function() return 1 end) end }');
    const piped = await project.tend(['run', 'one', '--id', 'p'], { env: { TERM: 'xterm' } });
    assert.match(piped.stderr, /^p {2}done {5}it \(step\) [\d.]+ s\np {2}completed one \(run p\)\n$/);
    const server = onTerminal(project, ['serve']);
    await shows(project, server, /serving/);
    await project.tend(['run', 'one', '--id', 's']);
    await shows(project, server, /s {2}done {5}it \(step\) [\d.]+ s\ns {2}completed one/);
    server.type('\x03');
    assert.strictEqual((await server.ended).code, 0);
    assert.doesNotMatch(server.frames.map((frame) => frame.text).join(''), /\x1b/);
  });

  test('a command or option that is nearly one is named', async (t) => {
    const project = t.project();
    project.workflow('one', 'return { run = function() end }');
    const said = async (...args) => {
      const ended = await project.tend(args);
      assert.strictEqual(ended.code, 2, ended);
      return ended.stderr;
    };
    assert.match(await said('rsume'), /no command 'rsume'; did you mean `tend resume`\?/);
    assert.match(await said('deploy'), /no command 'deploy'; `tend --help` lists them/);
    assert.match(await said('run', 'one', '--inptu', '{}'), /no option --inptu; did you mean --input\?\n`tend run --help`/);
    assert.match(await said('run', 'one', '--hmoe=x'), /did you mean --home\?/);
    assert.match(await said('run', 'one', '--input'), /--input wants an argument/);
    assert.match(await said('run', 'one', '--json=1'), /--json takes no argument/);
    assert.match(await said('run', 'one', '-x'), /there is no option -x/);
    assert.match(await said('run', 'one', '--xyzzy'), /there is no option --xyzzy\n/);
  });
};
