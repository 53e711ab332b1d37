'use strict';

const assert = require('node:assert');
const { after, before, test } = require('node:test');

const script = require('../../examples/demo/script');
const { startModel } = require('./standin/model');

const KEY = 'a-key';
let model;

before(async () => {
  model = await startModel({ script, keys: [KEY], turn_ms: 5 });
});

after(() => model.close());

function ask(body, key = KEY) {
  return fetch(`${model.base_url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'scripted', ...body }),
  });
}

const SCHEMA = {
  type: 'object',
  required: ['summary', 'root_causes', 'confidence', 'action', 'recommendations', 'unheard_of'],
  properties: {
    summary: { type: 'string' },
    root_causes: { $ref: '#/$defs/causes' },
    affected_services: { type: 'array', items: { type: 'string' } },
    recommendations: {
      type: 'array',
      items: {
        type: 'object',
        properties: { text: { type: 'string' }, priority: { enum: ['low', 'high'] } },
      },
    },
    confidence: { type: 'number', minimum: 0, maximum: 0.5 },
    action: { enum: ['ask', 'fix', 'wait'] },
    unheard_of: { type: ['integer', 'null'], minimum: 3 },
  },
  $defs: {
    causes: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          cause: { type: 'string' },
          evidence_ids: { type: 'array', items: { type: 'string' } },
        },
      },
    },
  },
};

function plan(prompt) {
  return ask({
    messages: [
      { role: 'system', content: 'You plan.' },
      { role: 'user', content: prompt },
    ],
    response_format: { type: 'json_schema', json_schema: { name: 'plan', schema: SCHEMA } },
  });
}

test('a plan fits the schema it was asked for and cites the evidence in the prompt', async () => {
  const answer = await (
    await plan(
      'shop is sick.\n<evidence id="E1" fence="f3">memory rises</evidence>\n' +
        '<evidence id="E2" fence="f3">status 500: 25 %</evidence>',
    )
  ).json();
  const made = JSON.parse(answer.choices[0].message.content);
  assert.deepStrictEqual(
    made.root_causes.map((one) => one.evidence_ids),
    [['E1'], ['E2']],
  );
  assert.strictEqual(made.action, 'fix');
  assert.strictEqual(made.confidence, 0.5);
  assert.strictEqual(made.unheard_of, 3);
  assert.deepStrictEqual(made.affected_services, ['shop']);
  assert.strictEqual(typeof made.recommendations[0].text, 'string');
  assert.match(made.summary, /scripted model/);
  assert.ok(answer.usage.prompt_tokens > 0);
});

test('a cause without evidence is not named', async () => {
  const answer = await (await plan('<evidence id="E7">TypeError: x</evidence>')).json();
  const made = JSON.parse(answer.choices[0].message.content);
  assert.deepStrictEqual(
    made.root_causes.map((one) => one.evidence_ids),
    [['E7']],
  );
});

test('a wrong key, an unknown model and faults are answered as such', async () => {
  assert.strictEqual((await ask({ messages: [] }, 'wrong')).status, 401);
  assert.strictEqual((await ask({ messages: [], model: 'gpt' })).status, 404);
  model.faults.add({ kind: '429' });
  assert.strictEqual((await ask({ messages: [] })).status, 429);
  const admin = await fetch(`${model.url}/standin/faults`, {
    method: 'POST',
    headers: { authorization: `Bearer ${model.admin_token}` },
    body: JSON.stringify({ kind: 'status', status: 500 }),
  });
  assert.strictEqual(admin.status, 200);
  assert.strictEqual((await ask({ messages: [] })).status, 500);
  assert.strictEqual((await ask({ messages: [] })).status, 200);
});

const TOOLS = ['read', 'edit', 'bash', 'todowrite'].map((name) => ({
  type: 'function',
  function: {
    name,
    parameters: {
      properties: {
        filePath: {},
        oldString: {},
        newString: {},
        command: {},
        todos: {},
      },
    },
  },
}));

async function turn(messages) {
  const response = await ask({ messages, tools: TOOLS });
  return (await response.json()).choices[0];
}

const OPENING = [
  { role: 'system', content: 'You code.\nWorking directory: /w/shop\n' },
  { role: 'user', content: 'Mend it.' },
];

test('the same conversation gets the same answer, however often it is asked', async () => {
  const names = (choice) => choice.message.tool_calls.map((call) => call.function.name);
  const first = await turn(OPENING);
  assert.deepStrictEqual(names(first), ['todowrite', 'read', 'read', 'read']);
  assert.deepStrictEqual(names(await turn(OPENING)), names(first));
  assert.match(first.message.tool_calls[1].function.arguments, /\/w\/shop\/src\/audit\.js/);
});

test('an edit whose answer was lost is looked at, not made twice', async () => {
  const messages = [...OPENING];
  const done = (name, args, content) => {
    const id = `call_${messages.length}`;
    messages.push({
      role: 'assistant',
      content: '',
      tool_calls: [{ id, type: 'function', function: { name, arguments: JSON.stringify(args) } }],
    });
    messages.push({ role: 'tool', tool_call_id: id, content });
  };
  for (const file of script.files) done('read', { filePath: `/w/shop/${file}` }, '<content>');
  const { file, find, replace } = script.edits[0];
  const path = `/w/shop/${file}`;
  done('edit', { filePath: path, oldString: find, newString: replace }, 'interrupted');
  const again = await turn(messages);
  assert.strictEqual(again.message.tool_calls[0].function.name, 'read');
  done('read', { filePath: path }, `<content>\n${replace.replace(/^/gm, '12: ')}</content>`);
  const then = await turn(messages);
  assert.match(then.message.tool_calls[0].function.arguments, /discounts\.js/);
});
