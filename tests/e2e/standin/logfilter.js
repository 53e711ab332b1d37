'use strict';
// Railway's log filter language, as documented: words and "phrases" (substrings, any case),
// @attribute:value with >, >=, <, <= and a..b on numbers, AND, OR, - (not), parentheses. Two terms
// side by side mean AND. A filter that doesn't parse is an error, as it is there.

const TOKEN = /\s*(?:(\()|(\))|(-)(?=\S)|@([\w.]+):("[^"]*"|[^\s()]+)|"([^"]*)"|([^\s()]+))/y;

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim()) {
    const match = TOKEN.exec(text);
    if (!match) throw new Error(`bad filter: ${text}`);
    found.push(tokenOf(match));
  }
  return found;
}

function tokenOf([, open, close, not, attribute, value, phrase, word]) {
  if (open || close || not) return { kind: open || close || not };
  if (attribute)
    return { kind: 'term', test: attributeTest(attribute, value.replace(/^"|"$/g, '')) };
  if (phrase === undefined && (word === 'AND' || word === 'OR')) return { kind: word };
  return { kind: 'term', test: textTest(phrase ?? word) };
}

function textTest(text) {
  const wanted = text.toLowerCase();
  return (row) => row.text.toLowerCase().includes(wanted);
}

function attributeTest(name, value) {
  const range = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(value);
  if (range) return (row) => row.get(name) >= Number(range[1]) && row.get(name) <= Number(range[2]);
  const compared = /^(>=|<=|>|<)(-?[\d.]+)$/.exec(value);
  if (compared) return (row) => COMPARE[compared[1]](Number(row.get(name)), Number(compared[2]));
  return (row) => String(row.get(name) ?? '').toLowerCase() === value.toLowerCase();
}

const COMPARE = {
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
};

class Parser {
  constructor(text) {
    this.left = tokens(text);
  }

  is(kind) {
    return this.left[0]?.kind === kind;
  }

  either() {
    const tests = [this.both()];
    while (this.is('OR')) {
      this.left.shift();
      tests.push(this.both());
    }
    return (row) => tests.some((test) => test(row));
  }

  both() {
    const tests = [this.one()];
    while (this.left.length && !this.is('OR') && !this.is(')')) {
      if (this.is('AND')) this.left.shift();
      tests.push(this.one());
    }
    return (row) => tests.every((test) => test(row));
  }

  one() {
    const token = this.left.shift();
    if (!token) throw new Error('bad filter: something is missing at its end');
    if (token.kind === '-') {
      const test = this.one();
      return (row) => !test(row);
    }
    if (token.kind === 'term') return token.test;
    if (token.kind !== '(') throw new Error(`bad filter: unexpected ${token.kind}`);
    const test = this.either();
    if (this.left.shift()?.kind !== ')') throw new Error('bad filter: ) is missing');
    return test;
  }
}

// text, or null for everything -> (row) => boolean, where row is {text, get(attribute)}
function filter(text) {
  if (!text || !text.trim()) return () => true;
  const parser = new Parser(text);
  const test = parser.either();
  if (parser.left.length) throw new Error(`bad filter: ${text}`);
  return test;
}

module.exports = { filter };
