'use strict';
// What a test script says it expects, and whether that is what happened.
//
// The comment at a script's top: the promise in words, then lines `-- word: value`:
//   expect: JSON         what `tend run --json` prints, to the letter
//   expect-error: TEXT   part of what it says on stderr; several lines, all of them
//   expect-exit: N       its exit code (0, or 1 with an expect-error)
//   input: JSON          --input
//   args: WORDS          more arguments
//   env: NAME=VALUE      a variable of its environment; several lines

const fs = require('node:fs');

const WORDS = ['expect', 'expect-error', 'expect-exit', 'input', 'args', 'env'];

function readHeader(file) {
  const header = {};
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    if (!line.startsWith('--')) break;
    const match = line.match(/^-- ([a-z-]+): ?(.*)$/);
    if (match && WORDS.includes(match[1])) (header[match[1]] ||= []).push(match[2]);
  }
  return header;
}

/** {args, env, expect, errors, code} of a script. */
function readScript(file) {
  const header = readHeader(file);
  const errors = header['expect-error'] || [];
  if (!header.expect && !errors.length && !header['expect-exit'])
    throw new Error(`${file}: says nothing of what is expected`);
  const args = (header.args || []).flatMap((words) => words.split(' '));
  for (const input of header.input || []) args.push('--input', input);
  return {
    args,
    env: Object.fromEntries((header.env || []).map((line) => line.split(/=(.*)/s).slice(0, 2))),
    expect: header.expect && header.expect[0],
    errors,
    code: header['expect-exit'] ? Number(header['expect-exit'][0]) : errors.length ? 1 : 0,
  };
}

/** '' if that is how it should have ended, otherwise what is wrong. */
function judge(script, ended) {
  const wrong = [];
  if (ended.code !== script.code) wrong.push(`exit code: expected ${script.code}`);
  if (script.expect !== undefined && ended.stdout !== `${script.expect}\n`)
    wrong.push(`stdout: expected ${script.expect}`);
  if (script.expect === undefined && ended.stdout) wrong.push('stdout: expected nothing');
  for (const text of script.errors)
    if (!ended.stderr.includes(text)) wrong.push(`stderr: expected it to hold: ${text}`);
  return wrong.length ? `${wrong.join('\n')}\n${ended}` : '';
}

module.exports = { readScript, judge };
