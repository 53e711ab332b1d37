'use strict';
// Git for the stand-ins and the demo: a program call with an identity of its own and without the
// configuration of whoever runs it.

const { execFile } = require('node:child_process');

const ENVIRONMENT = {
  PATH: process.env.PATH,
  LANG: 'C.UTF-8',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
};

function identity(name, email) {
  return {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  };
}

// Resolves to what the program printed, trimmed; rejects with {code, stdout, stderr}.
function git(directory, args, env = {}) {
  return new Promise((resolve, reject) => {
    execFile(
      'git',
      args,
      { cwd: directory, env: { ...ENVIRONMENT, ...env }, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout.trim());
        return reject(
          Object.assign(new Error(`git ${args.join(' ')}: ${stderr.trim()}`), {
            code: error.code,
            stdout,
            stderr,
          }),
        );
      },
    );
  });
}

module.exports = { git, identity };
