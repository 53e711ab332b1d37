'use strict';
// What the scripted model knows about the shop: which files to read, which edits mend it, how to
// test it, and the texts of its plan. tests/e2e/standin/model.js plays it.

module.exports = {
  title: 'Mend the audit trail and guest discounts',
  files: ['src/audit.js', 'src/discounts.js', 'test/discounts.test.js'],
  edits: [
    {
      file: 'src/audit.js',
      why:
        'The audit trail keeps a copy of the catalogue for every request and never lets one go; ' +
        'only the newest 20 are ever shown, so I keep no more.',
      find: '    catalogue: Buffer.from(JSON.stringify(catalogue.all())),\n  });\n',
      replace:
        '    catalogue: Buffer.from(JSON.stringify(catalogue.all())),\n  });\n' +
        '  if (trail.length > SHOWN) trail.shift();\n',
    },
    {
      file: 'src/discounts.js',
      why: 'A guest has no tier, and asking for its percentage throws; a guest saves nothing.',
      find: '  const tier = TIERS[order.customer.tier];\n',
      replace: '  const tier = TIERS[order.customer.tier] ?? { percent: 0 };\n',
    },
    {
      file: 'test/discounts.test.js',
      why: 'A test for the guest, so that it stays mended.',
      find: "test('a bronze customer saves two percent', () => {\n",
      replace:
        "test('a guest saves nothing', () => {\n" +
        '  assert.deepStrictEqual(discount(orders.find(4)), { order: 4, percent: 0, cents: 0 });\n' +
        '});\n\n' +
        "test('a bronze customer saves two percent', () => {\n",
    },
  ],
  test: 'node --test',
  commit: 'Bound the audit trail; let guests have no discount',
  explanation:
    'I bounded the audit trail in src/audit.js to the 20 entries that it shows: before, ' +
    'every request left 40 kB behind for good. In src/discounts.js a customer without a tier now ' +
    'saves nothing instead of throwing a TypeError, and a test says so. The tests pass.',
  causes: [
    {
      about: /memory/i,
      cause:
        'src/audit.js keeps a copy of the catalogue for every request and never drops one, so ' +
        'memory grows with each request until the limit.',
    },
    {
      about: /\b5\d\d\b|5xx|TypeError|percent/i,
      cause:
        'src/discounts.js reads the percentage of a tier that guests do not have: a TypeError, ' +
        'answered as 500, for every order of a guest.',
    },
  ],
  plan: {
    summary: 'shop loses memory with every request and fails on the discounts of guests.',
    architecture:
      'shop is one Node service without a database; routes.js answers, audit.js records.',
    affected_services: ['shop'],
    recommendations: [
      'Keep only as many audit entries as are shown.',
      'Give customers without a tier a discount of nothing, and test it.',
    ],
    debugging_steps: [
      'Watch the resident memory under constant load: it must level off.',
      "Ask for /orders/4/discount: a guest's order must answer 200.",
    ],
  },
};
