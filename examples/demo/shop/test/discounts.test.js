'use strict';

const assert = require('node:assert');
const { test } = require('node:test');

const { discount } = require('../src/discounts');
const orders = require('../src/orders');

test('a gold customer saves ten percent', () => {
  const order = orders.find(1);
  assert.strictEqual(order.customer.tier, 'gold');
  assert.deepStrictEqual(discount(order), {
    order: 1,
    percent: 10,
    cents: Math.round(orders.total(order) / 10),
  });
});

test('a bronze customer saves two percent', () => {
  assert.strictEqual(discount(orders.find(3)).percent, 2);
});
