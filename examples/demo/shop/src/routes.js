'use strict';
// Path to answer. An answer is {status, body}; what throws becomes a 500 in the server.

const audit = require('./audit');
const catalogue = require('./catalogue');
const discounts = require('./discounts');
const orders = require('./orders');

const NOT_FOUND = { status: 404, body: { error: 'not found' } };

function ok(body) {
  return { status: 200, body };
}

const ROUTES = [
  [/^\/health$/, () => ok({ ok: true })],
  [/^\/products$/, () => ok(catalogue.all().slice(0, 20))],
  [/^\/products\/(\d+)$/, (id) => found(catalogue.find(id), (product) => product)],
  [
    /^\/orders\/(\d+)$/,
    (id) => found(orders.find(id), (order) => ({ ...order, cents: orders.total(order) })),
  ],
  [/^\/orders\/(\d+)\/discount$/, (id) => found(orders.find(id), discounts.discount)],
  [/^\/audit$/, () => ok(audit.recent())],
];

function found(thing, show) {
  return thing ? ok(show(thing)) : NOT_FOUND;
}

function answer(path) {
  for (const [pattern, handler] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return handler(Number(match[1]));
  }
  return NOT_FOUND;
}

module.exports = { answer };
