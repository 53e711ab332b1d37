'use strict';
// The HTTP side: routes, errors, the access log and the audit trail. PORT 0 picks a free port and
// logs it.

const http = require('node:http');
const crypto = require('node:crypto');

const audit = require('./audit');
const log = require('./log');
const routes = require('./routes');

function answerSafely(id, path) {
  try {
    return routes.answer(path);
  } catch (error) {
    log.error(`GET ${path} failed: ${error.message}`, { request: id, stack: error.stack });
    return { status: 500, body: { error: 'internal error', request: id } };
  }
}

function handle(request, response) {
  const started = process.hrtime.bigint();
  const id = crypto.randomUUID();
  const path = request.url.split('?')[0];
  const { status, body } =
    request.method === 'GET'
      ? answerSafely(id, path)
      : { status: 405, body: { error: 'only GET' } };
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': id });
  response.end(JSON.stringify(body), () => {
    log.request(id, request.method, path, status, Number(process.hrtime.bigint() - started) / 1e6);
  });
  audit.record(request.method, path, status);
}

function start(port) {
  const server = http.createServer(handle);
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      log.info('listening', { port: server.address().port });
      resolve(server);
    });
  });
}

if (require.main === module) {
  start(Number(process.env.PORT || 8080));
  process.on('SIGTERM', () => process.exit(0));
}

module.exports = { start };
