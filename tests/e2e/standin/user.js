'use strict';
// The user that the coding agent's server runs as. As root: the system user tend-agent, made if it
// isn't there, and then removed by whoever needs it last (userdel refuses while a process of it
// lives); nobody where no user can be made. Otherwise null: the agent is the same user as tend,
// which separates nothing.

const fs = require('node:fs');
const { execFileSync } = require('node:child_process');

const NAME = 'tend-agent';
const MARK = 'made by the demo of tend'; /* the comment by which a user of ours is known again */

function find(name) {
  const line = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`));
  if (!line) return null;
  const [, , uid, gid, comment] = line.split(':');
  const remove = () => (comment === MARK ? quietly('userdel', [name]) : false);
  return { name, uid: Number(uid), gid: Number(gid), remove };
}

function quietly(program, args) {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// {name, uid, gid, remove()} or null.
function agentUser() {
  if (process.getuid() !== 0) return null;
  if (!find(NAME)) {
    quietly('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--home-dir',
      '/nonexistent',
      '--shell',
      '/usr/sbin/nologin',
      '--comment',
      MARK,
      NAME,
    ]);
  }
  return find(NAME) ?? find('nobody');
}

module.exports = { agentUser };
