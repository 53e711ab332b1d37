'use strict';
// JSON lines: what happened to stdout, what went wrong to stderr; one line a request to ACCESS_LOG.

const fs = require('node:fs');

const access = process.env.ACCESS_LOG
  ? fs.createWriteStream(process.env.ACCESS_LOG, { flags: 'a' })
  : null;

function line(level, message, fields) {
  return `${JSON.stringify({ level, message, ...fields })}\n`;
}

function info(message, fields) {
  process.stdout.write(line('info', message, fields));
}

function error(message, fields) {
  process.stderr.write(line('error', message, fields));
}

function request(id, method, path, status, ms) {
  if (!access) return;
  access.write(`${new Date().toISOString()} ${method} ${path} ${status} ${ms.toFixed(2)} ${id}\n`);
}

module.exports = { info, error, request };
