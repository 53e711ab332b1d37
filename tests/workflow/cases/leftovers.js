'use strict';
// Child processes of a tend that was killed are ended by the next one, before anything begins.

const assert = require('node:assert');
const fs = require('node:fs');

// The program notes when it begins and when it is asked to end; the second attempt is quick.
const LONG = `return { run = function()
  return exec { name = "long", cmd = "sh", args = { "-c", [[
    echo "begin $$" >> log.txt
    [ -e quick ] && exit 0
    trap 'echo "end $$" >> log.txt; exit 1' TERM
    sh -c 'echo "inner $$" >> log.txt; exec sleep 600' &
    wait
  ]] } }.code
end }`;

const log = (project) =>
  project.exists('log.txt') ? project.read('log.txt').split('\n').filter(Boolean) : [];

const isAlive = (pid) => {
  try {
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Kills tend while the program and its own child are alive; their pids. */
async function killHost(project, script = LONG) {
  project.workflow('long', script);
  const host = project.spawn(['run', 'long', '--id', 'l']);
  await project.until('the children', () => log(project).length === 2);
  await host.end('SIGKILL');
  const pids = log(project).map((line) => Number(line.split(' ')[1]));
  assert.ok(pids.every(isAlive), 'they outlive their host');
  return pids;
}

module.exports = (test) => {
  test('they are gone before the next attempt begins', async (t) => {
    const project = t.project();
    const pids = await killHost(project);
    project.write('quick', '');
    const ended = await project.tend(['resume', 'l', '--json']);
    assert.strictEqual(ended.stdout, '0\n', ended);
    assert.match(ended.stderr, /ended what exec had started before tend was killed/);
    assert.ok(!pids.some(isAlive), 'all of the group');
    const words = log(project)
      .filter((line) => !line.startsWith('inner'))
      .map((line) => line.split(' ')[0]);
    assert.deepStrictEqual(words, ['begin', 'end', 'begin']);
  });

  test('what ignores SIGTERM is killed; what is not ours stays', async (t) => {
    const project = t.project();
    const stubborn = LONG.replace("trap 'echo \"end $$\" >> log.txt; exit 1' TERM", "trap '' TERM");
    const pids = await killHost(project, stubborn);
    const stranger = require('node:child_process').spawn('sleep', ['600'], {
      env: { PATH: process.env.PATH, TEND_MARK: '0123456789abcdef0123456789abcdef' },
      stdio: 'ignore',
    });
    project.write('quick', '');
    const ended = await project.tend(['resume', 'l', '--json']);
    const isStrangerAlive = isAlive(stranger.pid);
    stranger.kill('SIGKILL');
    assert.strictEqual(ended.stdout, '0\n', ended);
    assert.ok(!pids.some(isAlive));
    assert.ok(isStrangerAlive, 'a mark of another life is left alone');
  });

  test('the mark is the host’s, whatever the script gives', async (t) => {
    const project = t.project();
    project.workflow(
      'env',
      `return { run = function()
        return exec { cmd = "sh", args = { "-c", "echo $TEND_MARK" }, env = { TEND_MARK = "mine" } }.stdout
      end }`,
    );
    const ended = await project.run('env');
    assert.match(ended.stdout, /^"[0-9a-f]{32}\\n"\n$/);
  });
};
