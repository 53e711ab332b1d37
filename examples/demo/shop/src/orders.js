'use strict';
// The orders of the day. Every fourth one is a guest's: bought without an account.

const catalogue = require('./catalogue');

const CUSTOMERS = [
  { name: 'Ada', tier: 'gold' },
  { name: 'Grace', tier: 'silver' },
  { name: 'Edsger', tier: 'bronze' },
  { name: 'guest' },
];

const orders = [];
for (let id = 1; id <= 200; id += 1) {
  const lines = [];
  for (let n = 0; n <= id % 3; n += 1) {
    lines.push({
      product: ((id * 7 + n * 31) % catalogue.all().length) + 1,
      quantity: 1 + (n % 2),
    });
  }
  orders.push({ id, customer: CUSTOMERS[(id - 1) % CUSTOMERS.length], lines });
}

function find(id) {
  return orders.find((order) => order.id === id);
}

function total(order) {
  return order.lines.reduce(
    (sum, line) => sum + catalogue.find(line.product).cents * line.quantity,
    0,
  );
}

module.exports = { find, total };
