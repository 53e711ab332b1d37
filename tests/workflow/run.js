#!/usr/bin/env node
'use strict';
// Behaviour as a script sees it, through the real program: node tests/workflow/run.js BUILD [WORD]…
// WORD: only the tests whose name holds one. TEND_TEST_SCRIPTS: another folder of scripts, and no
// cases (a test of this runner uses it). TEND_TEST_WITHOUT: not those whose name holds this word.
//
// scripts/**/*.lua is a test each: a workflow with its expectations in the comment at its top
// (README.md). cases/*.js has the tests of several steps.

const fs = require('node:fs');
const path = require('node:path');
const { Project } = require('./tend');
const { readScript, judge } = require('./script');

// They mostly wait: for the disk, for timers. Fewer where the program is slow.
const AT_ONCE = Number(process.env.TEND_TEST_AT_ONCE) || 6;

function findScripts(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((item) => {
      const file = path.join(folder, item.name);
      if (item.isDirectory()) return findScripts(file);
      return item.name.endsWith('.lua') ? [file] : [];
    });
}

function scriptTest(folder, file) {
  const name = path.relative(folder, file).replace(/\.lua$/, '');
  return {
    name,
    async run(context) {
      const script = readScript(file);
      const ended = await context.project(script).run(file, script.args);
      const complaint = judge(script, ended);
      if (complaint) throw new Error(complaint);
    },
  };
}

function findCases(folder) {
  const tests = [];
  for (const file of fs.readdirSync(folder).sort()) {
    if (!file.endsWith('.js')) continue;
    const topic = file.replace(/\.js$/, '');
    require(path.join(folder, file))((name, run) => tests.push({ name: `${topic}: ${name}`, run }));
  }
  return tests;
}

/** What a test is given; everything that it opened is closed after it. */
function makeContext(build) {
  const closing = [];
  return {
    build,
    project(options) {
      const project = new Project(build, options);
      closing.push(() => project.remove());
      return project;
    },
    async server(answer) {
      const server = await require('./server').startServer(answer);
      closing.push(() => server.close());
      return server;
    },
    async close() {
      for (const close of closing.reverse()) await close();
    },
  };
}

async function runTest(test, build) {
  const context = makeContext(build);
  const began = Date.now();
  let error = null;
  try {
    await test.run(context);
  } catch (failure) {
    error = failure;
  }
  await context.close();
  const seconds = ((Date.now() - began) / 1000).toFixed(2);
  console.log(`${error ? 'FAILED' : 'ok    '}  ${test.name}  (${seconds} s)`);
  if (error) console.log(String(error.stack || error).replace(/^/gm, '        '));
  return !error;
}

async function main([build, ...words]) {
  const other = process.env.TEND_TEST_SCRIPTS;
  const without = process.env.TEND_TEST_WITHOUT;
  const scripts = other ? path.resolve(other) : path.join(__dirname, 'scripts');
  const cases = other ? [] : findCases(path.join(__dirname, 'cases'));
  const queue = [...cases, ...findScripts(scripts).map((file) => scriptTest(scripts, file))].filter(
    ({ name }) =>
      (!words.length || words.some((word) => name.includes(word))) &&
      !(without && name.includes(without)),
  );
  let passed = 0;
  let failed = 0;
  const worker = async () => {
    while (queue.length) (await runTest(queue.shift(), build)) ? passed++ : failed++;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed || !passed ? 1 : 0;
}

main(process.argv.slice(2));
