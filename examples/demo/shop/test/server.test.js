'use strict';

const assert = require('node:assert');
const http = require('node:http');
const { after, before, test } = require('node:test');

const { start } = require('../src/server');

let server;

before(async () => {
  server = await start(0);
});

after(() => {
  server.close();
});

function get(path) {
  return new Promise((resolve, reject) => {
    http
      .get({ port: server.address().port, host: '127.0.0.1', path, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
      })
      .on('error', reject);
  });
}

test('the service says that it is well', async () => {
  assert.deepStrictEqual((await get('/health')).body, { ok: true });
});

test('products are listed and found', async () => {
  assert.strictEqual((await get('/products')).body.length, 20);
  assert.strictEqual((await get('/products/7')).body.id, 7);
  assert.strictEqual((await get('/products/9999')).status, 404);
});

test('an order has a total', async () => {
  const { body } = await get('/orders/1');
  assert.strictEqual(body.customer.name, 'Ada');
  assert.ok(body.cents > 0);
});

test('the audit trail shows the newest requests', async () => {
  await get('/products/1');
  const { body } = await get('/audit');
  assert.strictEqual(body.at(-1).path, '/products/1');
  assert.strictEqual(body.at(-1).prices, 200);
});
