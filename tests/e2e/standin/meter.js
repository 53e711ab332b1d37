'use strict';
// Measures real processes: resident memory and processor time from /proc, twice a second so that no
// second is without a sample, and requests from the access log that the service writes.

const fs = require('node:fs');

const PERIOD_MS = 500;
const TICKS_A_SECOND = 100; /* sysconf(_SC_CLK_TCK) on every Linux that Node runs on */
const BYTES_A_GB = 1e9;

function rssBytes(pid) {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return match ? Number(match[1]) * 1024 : null; /* a zombie has none */
}

function cpuTicks(pid) {
  const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]); /* utime, stime: fields 14 and 15 of proc(5) */
}

// Samples of one process: [{at_ms, memory_gb, cpu}], oldest first.
class Meter {
  constructor(pid) {
    this.pid = pid;
    this.samples = [];
    this.last = null;
    this.timer = setInterval(() => this.look(), PERIOD_MS);
    this.look();
  }

  look() {
    try {
      const at = Date.now();
      const ticks = cpuTicks(this.pid);
      const memory = rssBytes(this.pid);
      if (memory === null) return this.stop();
      if (this.last) this.note(at, ticks, memory);
      this.last = { at, ticks };
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
      this.stop();
    }
    return undefined;
  }

  note(at, ticks, memory) {
    const seconds = (at - this.last.at) / 1000;
    this.samples.push({
      at_ms: at,
      memory_gb: memory / BYTES_A_GB,
      cpu: (ticks - this.last.ticks) / TICKS_A_SECOND / seconds,
    });
  }

  stop() {
    clearInterval(this.timer);
  }
}

// The access log of one process, read on as it grows: [{at_ms, method, path, status, ms, id}].
class AccessLog {
  constructor(file) {
    this.file = file;
    this.offset = 0;
    this.rest = '';
    this.seen = [];
  }

  get entries() {
    if (fs.existsSync(this.file)) this.readOn();
    return this.seen;
  }

  readOn() {
    const size = fs.statSync(this.file).size;
    if (size === this.offset) return;
    const chunk = Buffer.alloc(size - this.offset);
    const file = fs.openSync(this.file, 'r');
    this.offset += fs.readSync(file, chunk, 0, chunk.length, this.offset);
    fs.closeSync(file);
    const lines = (this.rest + chunk.toString()).split('\n');
    this.rest = lines.pop();
    this.seen.push(...lines.map(parse));
  }
}

function parse(line) {
  const [at, method, path, status, ms, id] = line.split(' ');
  return { at_ms: Date.parse(at), method, path, status: Number(status), ms: Number(ms), id };
}

// Items by the step that they began in: Map of Unix seconds -> items, ascending.
function byStep(items, fromMs, toMs, stepSeconds) {
  const stepMs = stepSeconds * 1000;
  const steps = new Map();
  for (const item of items) {
    if (item.at_ms < fromMs || item.at_ms >= toMs) continue;
    const ts = Math.floor(item.at_ms / stepMs) * stepSeconds;
    if (!steps.has(ts)) steps.set(ts, []);
    steps.get(ts).push(item);
  }
  return new Map([...steps].sort(([a], [b]) => a - b));
}

// Nearest rank.
function percentile(sorted, percent) {
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)];
}

function average(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

module.exports = { Meter, AccessLog, byStep, percentile, average };
