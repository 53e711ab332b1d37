'use strict';
// What every stand-in shares: an HTTP server on a free loopback port, a request's body, an answer
// as JSON, and faults that are asked for beforehand: in the process by `faults.add({...})`, from
// another one by `POST /standin/faults` with the same object (and the admin token as bearer).

const http = require('node:http');
const crypto = require('node:crypto');

const BODY_LIMIT_BYTES = 32 << 20;

// Faults wait in a list; each is used `times` times by the next requests whose label (method, path,
// operation) contains `match`. Its kind says what happens instead of the answer.
class Faults {
  constructor() {
    this.waiting = [];
  }

  // {kind, times = 1, match = '', status, headers, body, after_bytes, field}
  add(fault) {
    if (!fault || !fault.kind) throw new Error('a fault needs a kind');
    this.waiting.push({ times: 1, match: '', ...fault });
  }

  take(label) {
    const fault = this.waiting.find((one) => label.includes(one.match));
    if (!fault) return null;
    fault.times -= 1;
    if (fault.times <= 0) this.waiting.splice(this.waiting.indexOf(fault), 1);
    return fault;
  }
}

const HTML_502 =
  '<html><head><title>502 Bad Gateway</title></head><body>\n' +
  '<center><h1>502 Bad Gateway</h1></center></body></html>\n';

// Kinds that any server can have. true: the request is dealt with.
function play(fault, request, response) {
  switch (fault.kind) {
    case 'html502':
      response.writeHead(502, { 'content-type': 'text/html' });
      response.end(HTML_502);
      return true;
    case 'status':
      send(response, fault.status, fault.body ?? { message: 'asked for by a test' }, fault.headers);
      return true;
    case '429':
      send(response, 429, fault.body ?? { message: 'too many requests' }, {
        'retry-after': '1',
        ...fault.headers,
      });
      return true;
    case 'reset':
      request.socket.resetAndDestroy ? request.socket.resetAndDestroy() : request.socket.destroy();
      return true;
    case 'cut':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
      response.write('{"data": {"cut');
      setTimeout(() => request.socket.destroy(), 20);
      return true;
    case 'stall':
      return true;
    default:
      return false;
  }
}

function send(response, status, body, headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(text);
}

function read(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      if (size > BODY_LIMIT_BYTES) request.destroy(new Error('body too large'));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString()));
    request.on('error', reject);
  });
}

// Constant in time, so that a stand-in never teaches a bad habit.
function isSame(given, wanted) {
  const hash = (text) => crypto.createHash('sha256').update(String(text)).digest();
  return crypto.timingSafeEqual(hash(given), hash(wanted));
}

function bearer(request) {
  const match = /^(?:bearer|token) (.+)$/i.exec(request.headers.authorization || '');
  return match ? match[1] : null;
}

async function admin(faults, token, request, response) {
  if (!isSame(bearer(request), token)) return send(response, 401, { message: 'admin token' });
  faults.add(JSON.parse(await read(request)));
  return send(response, 200, { waiting: faults.waiting });
}

// handle(request, response, body): the body is read, admin calls are dealt with.
// Returns {url, port, faults, admin_token, close()}.
async function listen(handle) {
  const faults = new Faults();
  const adminToken = crypto.randomUUID();
  const server = http.createServer(async (request, response) => {
    try {
      if (request.url === '/standin/faults') await admin(faults, adminToken, request, response);
      else await handle(request, response, await read(request), faults);
    } catch (error) {
      if (!response.headersSent) send(response, 500, { message: `stand-in: ${error.stack}` });
      else response.destroy();
    }
  });
  server.keepAliveTimeout = 30000;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    faults,
    admin_token: adminToken,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections?.();
      }),
  };
}

module.exports = { listen, send, read, play, bearer, isSame, Faults };
