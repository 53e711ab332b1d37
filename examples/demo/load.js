'use strict';
// Customers: a constant stream of requests to the shop, a quarter of them for the discount of a
// guest's order. The same before and after the fix: the n-th request is always the same one.

const http = require('node:http');

const A_SECOND = 40;
const TICK_MS = 10;
const ORDERS = 200; /* as many as src/orders.js has; every fourth is a guest's */
const PRODUCTS = 200;

function pathOf(n) {
  const turn = Math.floor(n / 4);
  switch (n % 4) {
    case 0:
      return '/products';
    case 1:
      return `/products/${(turn % PRODUCTS) + 1}`;
    case 2:
      return `/orders/${(turn % ORDERS) + 1}`;
    default:
      return `/orders/${((turn * 4) % ORDERS) + 4}/discount`;
  }
}

class Load {
  // portOf(): where the service listens at this moment
  constructor(portOf) {
    this.portOf = portOf;
    this.sent = 0;
    this.answers = []; /* {at_ms, status}; status 0: no answer */
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
    this.started = Date.now();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  tick() {
    const due = Math.floor(((Date.now() - this.started) * A_SECOND) / 1000);
    while (this.sent < due) this.send(this.sent++);
  }

  send(n) {
    const note = (status) => this.answers.push({ at_ms: Date.now(), status });
    const port = this.portOf();
    if (!port) return; /* the service is being stopped or restarted */
    http
      .get(
        { host: '127.0.0.1', port, path: pathOf(n), agent: this.agent },
        (response) => {
          response.resume();
          note(response.statusCode);
        },
      )
      .on('error', () => note(0));
  }

  // {requests, failed, share} since a moment
  since(fromMs, toMs = Date.now()) {
    const seen = this.answers.filter((one) => one.at_ms >= fromMs && one.at_ms < toMs);
    const failed = seen.filter((one) => one.status >= 500).length;
    return { requests: seen.length, failed, share: seen.length ? failed / seen.length : 0 };
  }

  stop() {
    clearInterval(this.timer);
    this.agent.destroy();
  }
}

module.exports = { Load, A_SECOND };
