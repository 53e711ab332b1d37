// The other side of the io tests: an HTTP server with good and bad manners (/hello, /cut, …), and a
// chat model that does as the conversation says. It prints "port N" and ends when its standard
// input is closed, so it can't outlive the test that started it.
//
// The chat model, POST /v1/chat/completions:
// - With a `model` of FAULTS it fails in that way.
// - Otherwise the first user message may carry a script, `SCRIPT [turn, turn, …]`; the n-th turn is
//   taken when the conversation already holds n turns of the assistant. A turn is {text},
//   {tool, args}, and may have {delay_ms}. Nothing is counted here: a retry or a restart of the
//   client shifts nothing.
'use strict';
const http = require('http');
const zlib = require('zlib');

let port = 0;
const seen = []; // every chat request, for GET /seen

function body_of(request) {
  return new Promise((resolve) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', () => resolve(Buffer.concat(chunks)));
  });
}

function json(response, status, value, headers) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

// ---- manners ---------------------------------------------------------------------------------

const routes = {
  '/hello': (request, response) => response.end('hello'),
  '/echo': async (request, response) => {
    const body = (await body_of(request)).toString('latin1');
    const { method, url, headers } = request;
    json(response, 200, { method, url, headers, body });
  },
  '/gzip': (request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(zlib.gzipSync('packed '.repeat(1000)));
  },
  '/br': (request, response) => {
    response.writeHead(200, { 'content-encoding': 'br' });
    response.end(zlib.brotliCompressSync('packed '.repeat(1000)));
  },
  '/bomb': (request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(zlib.gzipSync(Buffer.alloc(20 << 20)));
  },
  '/broken-gzip': (request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end('this is not gzip at all');
  },
  '/big': (request, response) => response.end(Buffer.alloc(1 << 20, 'x')),
  '/silent': () => {},
  '/drip': (request, response) => {
    const timer = setInterval(() => response.write('x'), 50);
    response.on('close', () => clearInterval(timer));
  },
  '/cut': (request, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('only the beginning');
    setTimeout(() => response.socket.destroy(), 50);
  },
  '/cut-chunks': (request, response) => {
    response.write('only the beginning');
    setTimeout(() => response.socket.destroy(), 50);
  },
  '/nothing': (request, response) => response.socket.destroy(),
  '/repeated': (request, response) => {
    response.setHeader('X-Many', ['one', 'two', 'three']);
    response.setHeader('X-Empty', '');
    response.end('repeated');
  },
  '/redirect': (request, response, query) => {
    response.writeHead(Number(query.get('status') || 302), {
      location: query.get('to'),
      'x-hop': 'yes',
    });
    response.end('moved');
  },
  '/loop': (request, response) => {
    response.writeHead(302, { location: '/loop' });
    response.end();
  },
  '/status': (request, response, query) =>
    json(response, Number(query.get('code')), { code: query.get('code') }),
  '/open/global/health': (request, response) => json(response, 200, {}),
  '/seen': (request, response) => json(response, 200, seen),
};

// ---- the chat model --------------------------------------------------------------------------

const error = (response, status, message, code, headers) =>
  json(response, status, { error: { message, code, type: code } }, headers);

const FAULTS = {
  'fault-401': (r) => error(r, 401, 'Incorrect API key provided', 'invalid_api_key'),
  'fault-403': (r) => error(r, 403, 'Project has no access to this model', 'forbidden'),
  'fault-404': (r) => error(r, 404, 'The model does not exist', 'model_not_found'),
  'fault-429': (r) => error(r, 429, 'Rate limit reached', 'rate_limit', { 'retry-after': '7' }),
  'fault-quota': (r) => error(r, 429, 'You exceeded your current quota', 'insufficient_quota'),
  'fault-500': (r) => error(r, 500, 'The server had an error', 'server_error'),
  'fault-503-html': (r) => {
    r.writeHead(503, { 'content-type': 'text/html' });
    r.end('<html><body>Service Unavailable</body></html>');
  },
  'fault-context': (r) =>
    error(r, 400, "This model's maximum context length is 8192 tokens", 'context_length_exceeded'),
  'fault-400': (r) => error(r, 400, 'Unknown parameter: foo', 'invalid_request'),
  'fault-html': (r) => {
    r.writeHead(200, { 'content-type': 'text/html' });
    r.end('<html>Welcome</html>');
  },
  'fault-length': (r, b) => json(r, 200, completion(b, 'cut off in the mid', 'length')),
  'fault-filter': (r, b) => json(r, 200, completion(b, 'I…', 'content_filter')),
  'fault-refusal': (r, b) => {
    const answer = completion(b, null, 'stop');
    answer.choices[0].message.refusal = 'I can not help with that.';
    json(r, 200, answer);
  },
  'fault-empty': (r, b) => json(r, 200, completion(b, '', 'stop')),
  'fault-no-choices': (r) => json(r, 200, { id: 'x', choices: [] }),
  'fault-silent': () => {},
};

function completion(body, content, finish_reason) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: body.model,
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason }],
    usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
  };
}

const text_of = (message) =>
  typeof message.content === 'string'
    ? message.content
    : (message.content || []).map((part) => part.text || '').join('');

// The script stands in the first user message that has one; what comes after a later script's
// message is its own conversation.
function turn_of(body) {
  let turns = null;
  let taken = 0;
  for (const message of body.messages) {
    if (message.role === 'user' && text_of(message).includes('SCRIPT [')) {
      const text = text_of(message);
      const found = /SCRIPT (\[.*?\]) END/s.exec(text);
      if (found) {
        turns = JSON.parse(found[1]);
        taken = 0;
      }
    } else if (message.role === 'assistant') {
      taken += 1;
    }
  }
  if (!turns) return { text: 'A title' };
  return turns[Math.min(taken, turns.length - 1)];
}

function stream(response, body, turn) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (delta, finish_reason) =>
    response.write(`data: ${JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      model: body.model,
      choices: [{ index: 0, delta, finish_reason: finish_reason || null }],
    })}\n\n`);
  if (turn.tool) {
    const call = { index: 0, id: `call_${body.messages.length}`, type: 'function' };
    call.function = { name: turn.tool, arguments: JSON.stringify(turn.args) };
    send({ role: 'assistant', content: turn.text || null, tool_calls: [call] });
    send({}, 'tool_calls');
  } else {
    send({ role: 'assistant', content: turn.text });
    send({}, 'stop');
  }
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };
  response.write(`data: ${JSON.stringify({ id: 'chatcmpl-1', choices: [], usage })}\n\n`);
  response.end('data: [DONE]\n\n');
}

async function chat(request, response) {
  const body = JSON.parse((await body_of(request)).toString());
  seen.push({ headers: request.headers, body });
  const fault = FAULTS[body.model];
  if (fault) return fault(response, body);
  if (body.model === 'newer' && 'max_tokens' in body)
    return error(response, 400, "Unsupported: use 'max_completion_tokens'", 'unsupported');
  const turn = turn_of(body);
  if (turn.delay_ms) await new Promise((resolve) => setTimeout(resolve, turn.delay_ms));
  if (body.stream) return stream(response, body, turn);
  return json(response, 200, completion(body, turn.text, turn.finish || 'stop'));
}

// ---- the server ------------------------------------------------------------------------------

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://server');
  if (request.method === 'POST' && url.pathname === '/v1/chat/completions')
    return chat(request, response);
  const route = routes[url.pathname];
  if (route) return route(request, response, url.searchParams);
  return json(response, 404, { error: 'no such page' });
});

server.listen(0, '127.0.0.1', () => {
  port = server.address().port;
  process.stdout.write(`port ${port}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
