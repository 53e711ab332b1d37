'use strict';
// A scripted model behind OpenAI's chat completions. It doesn't think and says so in every text. It
// plays one script (what it knows about one service), and decides what comes next only from the
// conversation that it is shown, never from a counter: a retry or a restart can't shift it.
// It answers three kinds of request: a plan (JSON that fits the given schema and cites the evidence
// in the prompt), a turn of a coding agent (tool calls, streamed), and a title.

const { setTimeout: wait } = require('node:timers/promises');
const { EventEmitter } = require('node:events');

const { listen, send, play, bearer, isSame } = require('./listen');
const { next } = require('./agent');
const { fill } = require('./plan');

const NAME = 'scripted';
const CHARS_A_TOKEN = 4;

function refuse(response, status, message, code, headers) {
  send(
    response,
    status,
    { error: { message, type: 'invalid_request_error', param: null, code } },
    headers,
  );
}

function usage(request, text) {
  const prompt = Math.ceil(JSON.stringify(request.messages).length / CHARS_A_TOKEN);
  const completion = Math.ceil(text.length / CHARS_A_TOKEN);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
}

function kindOf(request) {
  if (request.tools && request.tools.length) return 'agent';
  return request.response_format?.type === 'json_schema' ? 'plan' : 'title';
}

// {text, calls[], finish}
function answer(script, request) {
  switch (kindOf(request)) {
    case 'agent':
      return next(script, request);
    case 'plan':
      return { text: JSON.stringify(fill(script, request)), calls: [], finish: 'stop' };
    default:
      return { text: script.title, calls: [], finish: 'stop' };
  }
}

function toolCalls(calls) {
  return calls.map((call, index) => ({
    index,
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.args) },
  }));
}

function frame(request, choice, extra = {}) {
  return {
    id: 'chatcmpl-scripted',
    object: request.stream ? 'chat.completion.chunk' : 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    choices: choice ? [{ index: 0, ...choice }] : [],
    ...extra,
  };
}

async function whole(response, request, told, turnMs) {
  await wait(turnMs);
  const calls = toolCalls(told.calls).map(({ index, ...call }) => call);
  const message = {
    role: 'assistant',
    content: told.text,
    ...(calls.length && { tool_calls: calls }),
  };
  send(
    response,
    200,
    frame(request, { message, finish_reason: told.finish }, { usage: usage(request, told.text) }),
  );
}

// The text comes in pieces over the turn's time, then the tool calls, then how it ended.
async function stream(response, request, told, turnMs, fault) {
  const chunk = (choice, extra) =>
    response.write(`data: ${JSON.stringify(frame(request, choice, extra))}\n\n`);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  chunk({ delta: { role: 'assistant', content: '' }, finish_reason: null });
  const words = told.text.split(/(?<= )/);
  for (let at = 0; at < words.length && !response.destroyed; at += 4) {
    if (fault?.kind === 'cut_stream' && at > 0) return response.destroy();
    if (fault?.kind === 'stall_stream' && at > 0) return undefined;
    await wait((turnMs * 4) / Math.max(words.length, 4));
    chunk({ delta: { content: words.slice(at, at + 4).join('') }, finish_reason: null });
  }
  if (told.calls.length) {
    chunk({ delta: { tool_calls: toolCalls(told.calls) }, finish_reason: null });
  }
  chunk({ delta: {}, finish_reason: told.finish });
  if (request.stream_options?.include_usage) chunk(null, { usage: usage(request, told.text) });
  return response.end('data: [DONE]\n\n');
}

async function complete(model, request, response, fault) {
  const kind = kindOf(request);
  const told = answer(model.script, request);
  const seen = {
    at: new Date(),
    kind,
    text: told.text,
    calls: told.calls.map((call) => call.name),
  };
  model.seen.push(seen);
  model.events.emit(kind, seen);
  if (request.stream) await stream(response, request, told, model.turn_ms, fault);
  else await whole(response, request, told, model.turn_ms);
}

// script: see examples/demo/script.js. keys: the bearer keys that are let in. Fault kinds beside
// the common ones: cut_stream, stall_stream. Returns what listen() does, and {seen[], events}.
async function startModel({ script, keys, turn_ms = Number(process.env.MODEL_TURN_MS || 2000) }) {
  const model = { script, turn_ms, seen: [], events: new EventEmitter() };
  const server = await listen(async (request, response, body, faults) => {
    const key = bearer(request);
    const path = request.url.split('?')[0];
    if (!key || !keys.some((known) => isSame(key, known))) {
      return refuse(response, 401, 'Incorrect API key provided.', 'invalid_api_key');
    }
    const fault = faults.take(`${request.method} ${path}`);
    if (fault && play(fault, request, response)) return undefined;
    if (request.method === 'GET' && path === '/v1/models') {
      return send(response, 200, {
        object: 'list',
        data: [{ id: NAME, object: 'model', created: 0, owned_by: 'tend-demo' }],
      });
    }
    if (request.method !== 'POST' || path !== '/v1/chat/completions') {
      return refuse(response, 404, `no such path: ${path}`, 'not_found');
    }
    const asked = JSON.parse(body);
    if (asked.model !== NAME) {
      return refuse(response, 404, `The model ${asked.model} does not exist.`, 'model_not_found');
    }
    return complete(model, asked, response, fault);
  });
  return Object.assign(server, model, { base_url: `${server.url}/v1`, name: NAME });
}

module.exports = { startModel };
