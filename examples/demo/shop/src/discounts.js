'use strict';
// What a customer saves on an order, by the tier of the account.

const orders = require('./orders');

const TIERS = {
  gold: { percent: 10 },
  silver: { percent: 5 },
  bronze: { percent: 2 },
};

function discount(order) {
  const tier = TIERS[order.customer.tier];
  const total = orders.total(order);
  return {
    order: order.id,
    percent: tier.percent,
    cents: Math.round((total * tier.percent) / 100),
  };
}

module.exports = { discount };
