'use strict';
// A small HTTP server on a free port of loopback, that remembers what it was asked.

const http = require('node:http');

/**
 * `answer(request, number)` gives {status, headers, body} (or a promise of it) for the n-th request
 * of that path; request is {method, path, query, headers, body}. null: the connection is cut.
 */
async function startServer(answer) {
  const requests = [];
  const counts = new Map();
  const server = http.createServer((incoming, outgoing) => {
    let body = '';
    incoming.on('data', (chunk) => (body += chunk));
    incoming.on('end', async () => {
      const url = new URL(incoming.url, 'http://localhost');
      const { method, headers } = incoming;
      const request = { method, path: url.pathname, query: url.searchParams, headers, body };
      requests.push(request);
      counts.set(request.path, (counts.get(request.path) || 0) + 1);
      const reply = await answer(request, counts.get(request.path));
      if (!reply) return incoming.socket.destroy();
      outgoing.writeHead(reply.status || 200, reply.headers || {});
      outgoing.end(reply.body === undefined ? '' : reply.body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

module.exports = { startServer };
