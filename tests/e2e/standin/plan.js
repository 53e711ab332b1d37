'use strict';
// The scripted model's plan: JSON made by walking the schema that came with the request. Fields
// that the script knows by name get its texts, others the plainest value that fits.
// Causes are named only where the prompt holds evidence about them, and cite it by id.

const SAYS = 'Written by a scripted model that plays a prepared script and does not think.';

function textOf(messages) {
  return messages
    .map((message) =>
      typeof message.content === 'string'
        ? message.content
        : (message.content || []).map((part) => part.text || '').join(''),
    )
    .join('\n');
}

// [{id, text}] of <evidence id="E1" …>…
function evidenceOf(prompt) {
  const blocks = prompt.matchAll(
    /<evidence\b[^>]*\bid="([^"]+)"[^>]*>([\s\S]*?)(?=<\/?evidence\b|$)/g,
  );
  return [...new Map([...blocks].map(([, id, text]) => [id, { id, text }])).values()];
}

function citing(script, evidence) {
  const causes = script.causes
    .map(({ about, cause }) => ({
      cause,
      evidence_ids: evidence.filter(({ text }) => about.test(text)).map(({ id }) => id),
    }))
    .filter(({ evidence_ids: ids }) => ids.length);
  if (causes.length || !evidence.length) return causes;
  return [{ cause: script.causes[0].cause, evidence_ids: [evidence[0].id] }];
}

function knowledge(script, prompt) {
  return {
    summary: `${script.plan.summary} ${SAYS}`,
    architecture: script.plan.architecture,
    root_causes: citing(script, evidenceOf(prompt)),
    affected_services: script.plan.affected_services.filter((name) => prompt.includes(name)),
    recommendations: script.plan.recommendations,
    debugging_steps: script.plan.debugging_steps,
    confidence: { number: 0.9, integer: 1, string: 'high' },
    action: 'fix',
  };
}

function typeOf(schema) {
  const types = [].concat(schema.type ?? (schema.properties ? 'object' : 'string'));
  return types.find((type) => type !== 'null') ?? 'null';
}

function resolve(schema, root) {
  if (schema.$ref) {
    const path = schema.$ref.replace(/^#\//, '').split('/');
    return resolve(
      path.reduce((node, key) => node[key], root),
      root,
    );
  }
  const choices = schema.anyOf || schema.oneOf;
  return choices ? resolve(choices.find((one) => one.type !== 'null') ?? choices[0], root) : schema;
}

// known: what the script has for this place, of any shape; undefined: nothing.
function walk(given, root, known) {
  const schema = resolve(given, root);
  if ('const' in schema) return schema.const;
  if (schema.enum) return schema.enum.find((value) => fits(value, known)) ?? schema.enum[0];
  const type = typeOf(schema);
  const value = isByType(known) ? known[type] : known;
  if (type === 'object') return object(schema, root, value);
  if (type === 'array') return list(schema, root, value);
  if (type === 'number' || type === 'integer') return number(schema, type, value);
  if (type === 'boolean') return value === true;
  return text(value);
}

function isByType(known) {
  return known !== null && typeof known === 'object' && 'string' in known && 'number' in known;
}

function fits(value, known) {
  return value === (isByType(known) ? known.string : known);
}

function object(schema, root, known) {
  const made = {};
  const source = known !== null && typeof known === 'object' ? known : {};
  const only = typeof known === 'string' ? known : undefined;
  for (const [name, property] of Object.entries(schema.properties || {})) {
    made[name] = walk(property, root, source[name] ?? only);
  }
  return made;
}

function list(schema, root, known) {
  const items = Array.isArray(known) ? [...known] : [];
  while (items.length < (schema.minItems || 0)) items.push(items.at(-1));
  return items.map((item) => walk(schema.items || {}, root, item));
}

function number(schema, type, known) {
  const wanted = typeof known === 'number' ? known : 0;
  const low = Math.max(wanted, schema.minimum ?? -Infinity);
  const value = Math.min(low, schema.maximum ?? Infinity);
  return type === 'integer' ? Math.round(value) : value;
}

function text(known) {
  if (typeof known === 'string') return known;
  if (known !== null && typeof known === 'object') return String(Object.values(known)[0] ?? SAYS);
  return known === undefined ? SAYS : String(known);
}

// script, request with response_format json_schema -> the value
function fill(script, request) {
  const { schema } = request.response_format.json_schema;
  return walk(schema, schema, knowledge(script, textOf(request.messages)));
}

module.exports = { fill };
