'use strict';
// A terminal for tests: tend runs on a real pseudo-terminal (util-linux's `script`), and what it
// writes is carried out on a screen of cells, so that a test sees what a person would.

const { Project } = require('./tend');

/** The few sequences that tend may use; any other is noted in `unknown`. */
class Screen {
  constructor(rows, columns) {
    Object.assign(this, { rows, columns, row: 0, column: 0, scrolled: [], unknown: [] });
    this.lines = Array.from({ length: rows }, () => '');
  }

  write(text) {
    const pattern = /\x1b\[([0-9;?]*)([A-Za-z])|\x1b.?|\r|\n|[^\x1b\r\n]+/gs;
    for (const [all, number, letter] of text.matchAll(pattern)) {
      if (letter) this.control(Number(number || 0), letter, all);
      else if (all === '\r') this.column = 0;
      else if (all === '\n') this.lineFeed();
      else if (all[0] === '\x1b') this.unknown.push(all);
      else this.put(all);
    }
  }

  control(number, letter, all) {
    const line = this.lines[this.row];
    if (letter === 'A') this.row = Math.max(0, this.row - (number || 1));
    else if (letter === 'K' && number === 0) this.lines[this.row] = line.slice(0, this.column);
    else if (letter === 'J' && number === 0) {
      this.lines[this.row] = line.slice(0, this.column);
      for (let row = this.row + 1; row < this.rows; row++) this.lines[row] = '';
    } else if (letter !== 'm') this.unknown.push(all);
  }

  lineFeed() {
    if (this.row < this.rows - 1) this.row++;
    else {
      this.scrolled.push(this.lines.shift());
      this.lines.push('');
    }
  }

  put(text) {
    for (const character of text) {
      if (/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(character)) this.unknown.push(character);
      if (this.column === this.columns) {
        this.column = 0;
        this.lineFeed();
      }
      const line = this.lines[this.row].padEnd(this.column);
      this.lines[this.row] = line.slice(0, this.column) + character + line.slice(this.column + 1);
      this.column++;
    }
  }

  /** All that a person can read, what has scrolled away included. */
  get text() {
    return [...this.scrolled, ...this.lines].map((line) => line.trimEnd()).join('\n').trimEnd();
  }
}

const quote = (word) => `'${String(word).replace(/'/g, `'\\''`)}'`;

/** tend on a terminal of that size: {says, ended, screen, type}. `before` is shell in front of it. */
function onTerminal(project, args, { rows = 24, columns = 80, env = {}, before = '' } = {}) {
  const command =
    `stty rows ${rows} cols ${columns}; ${before} exec ` + [project.program, ...args].map(quote).join(' ');
  const other = Object.create(Project.prototype);
  Object.assign(other, project, { program: 'script' });
  const running = other.spawn(['-qefc', command, '/dev/null'], {
    env: { TERM: 'xterm', SHELL: '/bin/sh', ...env },
    terminal: true,
  });
  const screen = new Screen(rows, columns);
  const frames = [];
  running.child.stdout.on('data', (chunk) => {
    frames.push({ at: Date.now(), text: String(chunk) });
    screen.write(String(chunk));
  });
  return { running, screen, frames, ended: running.ended, type: (text) => running.child.stdin.write(text) };
}

module.exports = { onTerminal, Screen };
