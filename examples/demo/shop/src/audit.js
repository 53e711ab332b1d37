'use strict';
// The audit trail: who asked for what, and the catalogue as it was at that moment, so that support
// can look up the price that a customer saw.

const catalogue = require('./catalogue');

const SHOWN = 20;

const trail = [];

function record(method, path, status) {
  trail.push({
    at: new Date().toISOString(),
    method,
    path,
    status,
    catalogue: Buffer.from(JSON.stringify(catalogue.all())),
  });
}

function recent() {
  return trail.slice(-SHOWN).map((entry) => ({
    at: entry.at,
    method: entry.method,
    path: entry.path,
    status: entry.status,
    prices: JSON.parse(entry.catalogue.toString()).length,
  }));
}

module.exports = { record, recent };
