'use strict';
// What the demo prints: lines with the seconds since it began, and the outcome of its checks.

const started = Date.now();

function seconds() {
  return ((Date.now() - started) / 1000).toFixed(1).padStart(6);
}

function tell(text) {
  console.log(`${seconds()} s  ${text}`);
}

function chapter(text) {
  console.log(`\n${seconds()} s  == ${text}`);
}

function block(text) {
  console.log(
    text
      .split('\n')
      .map((line) => `          | ${line}`)
      .join('\n'),
  );
}

class Checks {
  constructor() {
    this.passed = 0;
    this.failed = 0;
  }

  // what: the promise. is: a boolean, or a function (may be async) that returns one or throws.
  async check(what, is) {
    let why = '';
    let isGood = false;
    try {
      isGood = Boolean(typeof is === 'function' ? await is() : is);
    } catch (error) {
      why = ` (${error.message})`;
    }
    this[isGood ? 'passed' : 'failed'] += 1;
    console.log(`${isGood ? 'ok' : 'not ok'} - ${what}${why}`);
  }

  summary() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
  }
}

module.exports = { tell, chapter, block, Checks };
