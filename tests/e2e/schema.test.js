'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const { test } = require('node:test');
const graphql = require('graphql');

const operations = require('./operations');
const { SCHEMA_FILE } = require('./standin/railway');

const ours = graphql.buildSchema(fs.readFileSync(SCHEMA_FILE, 'utf8'));
const { TEND_RAILWAY_SCHEMA: wholeFile, TEND_RAILWAY_OPERATIONS: folder } = process.env;

function ownTypes(schema) {
  return Object.values(schema.getTypeMap()).filter(
    (type) => !type.name.startsWith('__') && !graphql.isSpecifiedScalarType(type),
  );
}

// A field as text, so that a difference is readable: name(argument: Type, …): Type
function fieldText(field) {
  const args = [...(field.args || [])]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((one) => `${one.name}: ${one.type}`);
  return `${field.name}(${args.join(', ')}): ${field.type}`;
}

function compare(type, other) {
  assert.ok(other, `the whole schema has no type ${type.name}`);
  assert.strictEqual(type.astNode.kind, other.astNode.kind, `kind of ${type.name}`);
  if (graphql.isEnumType(type)) {
    const values = (one) =>
      one
        .getValues()
        .map((value) => value.name)
        .sort();
    assert.deepStrictEqual(values(type), values(other), `values of ${type.name}`);
  }
  if (!type.getFields) return;
  const theirs = other.getFields();
  for (const field of Object.values(type.getFields())) {
    assert.ok(theirs[field.name], `the whole schema has no ${type.name}.${field.name}`);
    assert.strictEqual(
      fieldText(field),
      fieldText(theirs[field.name]),
      `${type.name}.${field.name}`,
    );
  }
}

test(
  'every type, field, argument and enum of our excerpt is in the whole schema',
  { skip: !wholeFile && 'TEND_RAILWAY_SCHEMA is not set' },
  () => {
    const whole = graphql.buildSchema(fs.readFileSync(wholeFile, 'utf8'));
    for (const type of ownTypes(ours)) compare(type, whole.getType(type.name));
  },
);

test(
  'input types of our excerpt are complete',
  { skip: !wholeFile && 'TEND_RAILWAY_SCHEMA is not set' },
  () => {
    const whole = graphql.buildSchema(fs.readFileSync(wholeFile, 'utf8'));
    for (const type of ownTypes(ours).filter(graphql.isInputObjectType)) {
      assert.deepStrictEqual(
        Object.keys(type.getFields()).sort(),
        Object.keys(whole.getType(type.name).getFields()).sort(),
        type.name,
      );
    }
  },
);

test('every operation that tend sends is valid against our excerpt', () => {
  const all = operations.ofModule();
  assert.ok(Object.keys(all).length >= 10, 'the operations were not found');
  for (const [name, document] of Object.entries(all)) {
    assert.deepStrictEqual(graphql.validate(ours, graphql.parse(document)), [], name);
  }
});

test(
  'the operations are those of the contract, word for word',
  { skip: !folder && 'TEND_RAILWAY_OPERATIONS is not set' },
  () => {
    const sent = operations.ofModule();
    const plain = (document) => graphql.print(graphql.parse(document));
    for (const [name, document] of Object.entries(operations.ofFolder(folder))) {
      assert.ok(sent[name], `tend does not carry ${name}`);
      assert.strictEqual(plain(sent[name]), plain(document), name);
    }
  },
);

test('the excerpt can change nothing: it has no mutation', () => {
  assert.strictEqual(ours.getMutationType(), undefined);
  assert.strictEqual(ours.getSubscriptionType(), undefined);
});
