'use strict';
// A stand-in for Railway's public API: GraphQL over POST /graphql/v2, validated against our excerpt
// of the real schema, told from measured numbers of the processes in a project (project.js). As
// strict as the real one where a client can get it wrong: tokens, environments, pages, required
// arguments, one row too many in logs. It can't change anything: the excerpt has no mutation.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const graphql = require('graphql');

const { listen, send, play, isSame } = require('./listen');
const { filter } = require('./logfilter');
const { average, byStep, percentile } = require('./meter');

const SCHEMA_FILE = path.join(__dirname, '..', '..', 'fixtures', 'railway', 'schema.graphql');
const LOG_LIMIT = 100;
const LOG_LIMIT_MAX = 5000;
const PAGE = 100;
const GZIP_FROM_BYTES = 1024;

class NotAuthorized extends Error {
  constructor() {
    super('Not Authorized');
  }
}

function page(items, { first = PAGE, after }) {
  const from = after ? Number(Buffer.from(after, 'base64').toString()) + 1 : 0;
  const shown = items.slice(from, from + first);
  const cursor = (index) => Buffer.from(String(index)).toString('base64');
  return {
    edges: shown.map((node) => ({ node })),
    pageInfo: {
      hasNextPage: from + shown.length < items.length,
      endCursor: shown.length ? cursor(from + shown.length - 1) : null,
    },
  };
}

function nanoseconds(ms) {
  return new Date(ms).toISOString().replace('Z', '000000Z');
}

function deploymentOf(one) {
  const isOver = ['REMOVED', 'CRASHED', 'FAILED'].includes(one.status);
  return {
    id: one.id,
    status: one.status,
    createdAt: one.createdAt,
    statusUpdatedAt: one.statusUpdatedAt,
    deploymentStopped: isOver,
    canRollback: one.status === 'REMOVED',
    meta: one.meta,
    diagnosis: null,
    instances: one.instance ? [{ id: one.instance.id, status: one.instance.status }] : [],
  };
}

function instanceOf(service) {
  return {
    id: service.instanceId,
    serviceId: service.id,
    serviceName: service.name,
    builder: 'RAILPACK',
    rootDirectory: null,
    buildCommand: service.build ?? null,
    startCommand: service.start ?? null,
    dockerfilePath: null,
    watchPatterns: [],
    numReplicas: 1,
    cronSchedule: null,
    nextCronRunAt: null,
    sleepApplication: false,
    healthcheckPath: service.healthcheck ?? null,
    restartPolicyType: 'ON_FAILURE',
    source: service.source,
    latestDeployment: service.deployments[0] ? deploymentOf(service.deployments[0]) : null,
    activeDeployments: service.active ? [deploymentOf(service.active)] : [],
    domains: {
      serviceDomains: service.domain ? [{ domain: service.domain }] : [],
      customDomains: [],
    },
  };
}

function volumeOf(service) {
  return {
    id: `${service.instanceId}-volume`,
    volumeId: service.volume.id,
    serviceId: service.id,
    mountPath: service.volume.mountPath,
    currentSizeMB: service.volume.currentSizeMB,
    sizeMB: service.volume.sizeMB,
    state: 'READY',
    region: 'europe-west4',
  };
}

function triggerOf(service) {
  return {
    serviceId: service.id,
    repository: service.source.repo,
    branch: service.branch,
    provider: 'github',
  };
}

// What each measurement is, of one sample of one instance; null: this service has none.
const MEASURE = {
  CPU_USAGE: (sample) => sample.cpu,
  CPU_LIMIT: (sample, service) => service.limits?.cpu ?? null,
  MEMORY_USAGE_GB: (sample) => sample.memory_gb,
  MEMORY_LIMIT_GB: (sample, service) => service.limits?.memory_gb ?? null,
  DISK_USAGE_GB: (sample, service) => (service.volume ? service.volume.currentSizeMB / 1000 : null),
};

// [{ts, value}] of one instance: the average of each step.
function series(instance, service, measurement, window) {
  const measure = MEASURE[measurement];
  if (!measure) return [];
  const values = [];
  for (const [ts, samples] of byStep(instance.meter.samples, window.from, window.to, window.step)) {
    const measured = samples.map((sample) => measure(sample, service));
    if (measured.every((value) => value !== null)) values.push({ ts, value: average(measured) });
  }
  return values;
}

// Sums the series of a service's instances, as grouping by service does: usage and limit alike.
function summed(all) {
  const sums = new Map();
  for (const { ts, value } of all.flat()) sums.set(ts, (sums.get(ts) ?? 0) + value);
  return [...sums].sort(([a], [b]) => a - b).map(([ts, value]) => ({ ts, value }));
}

function windowOf({ startDate, endDate, stepSeconds, sampleRateSeconds }) {
  const from = Date.parse(startDate);
  const to = endDate ? Date.parse(endDate) : Date.now();
  if (Number.isNaN(from) || Number.isNaN(to)) throw new Error('Invalid date');
  return { from, to, step: stepSeconds ?? sampleRateSeconds ?? 60 };
}

function durations(requests) {
  const sorted = requests.map((one) => one.ms).sort((a, b) => a - b);
  return {
    p50: percentile(sorted, 50),
    p90: percentile(sorted, 90),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
  };
}

// The newest `limit` rows and one more, as the real API may do; oldest first.
function newest(rows, limit) {
  return rows.slice(-(Math.min(limit ?? LOG_LIMIT, LOG_LIMIT_MAX) + 1));
}

function rowsOf(service, deployment) {
  return deployment.logs.map((line) => ({
    at_ms: line.at_ms,
    text: line.message,
    get: (name) =>
      ({ level: line.severity, service: service.id, deployment: deployment.id })[name] ??
      line.attributes.find(({ key }) => key === name)?.value,
    shown: {
      timestamp: nanoseconds(line.at_ms),
      severity: line.severity,
      message: line.message,
      attributes: line.attributes,
      tags: {
        serviceId: service.id,
        deploymentId: deployment.id,
        deploymentInstanceId: deployment.instance?.id ?? null,
      },
    },
  }));
}

function httpRow(service, request) {
  const shown = {
    timestamp: nanoseconds(request.at_ms),
    requestId: request.id,
    method: request.method,
    path: request.path,
    host: service.domain ?? '',
    httpStatus: request.status,
    totalDuration: Math.round(request.ms),
    upstreamRqDuration: Math.round(request.ms),
    responseDetails: '',
    upstreamErrors: '',
    edgeRegion: 'europe-west4',
  };
  return {
    at_ms: request.at_ms,
    text: `${request.method} ${request.path} ${request.status}`,
    get: (name) => shown[name],
    shown,
  };
}

function between(rows, { beforeDate, anchorDate, startDate, endDate }) {
  const from = Date.parse(beforeDate ?? startDate ?? new Date(0).toISOString());
  const to = Date.parse(anchorDate ?? endDate ?? new Date().toISOString());
  return rows.filter((row) => row.at_ms >= from && row.at_ms <= to);
}

// The root of the schema for one caller; who = {kind: 'project'|'account'}.
class Root {
  constructor(project, who) {
    this.world = project;
    this.who = who;
  }

  check(projectId, environmentId) {
    const isWrong =
      (projectId && projectId !== this.world.id) ||
      (environmentId && environmentId !== this.world.environment.id);
    if (isWrong) throw new NotAuthorized();
  }

  serviceBy(id) {
    const service = this.world.services.find((one) => one.id === id);
    if (!service) throw new NotAuthorized();
    return service;
  }

  deploymentBy(id) {
    for (const service of this.world.services) {
      const deployment = service.deployments.find((one) => one.id === id);
      if (deployment) return { service, deployment };
    }
    throw new NotAuthorized();
  }

  projectToken() {
    if (this.who.kind !== 'project') throw new NotAuthorized();
    return { projectId: this.world.id, environmentId: this.world.environment.id };
  }

  project({ id }) {
    this.check(id);
    return {
      id,
      name: this.world.name,
      prDeploys: false,
      botPrEnvironments: false,
      environments: (args) => page([this.environmentFields()], args),
    };
  }

  environment({ id, projectId }) {
    this.check(projectId, id);
    return this.environmentFields();
  }

  environmentFields() {
    const { services, environment } = this.world;
    return {
      ...environment,
      isEphemeral: false,
      serviceInstances: (args) => page(services.map(instanceOf), args),
      volumeInstances: (args) => page(services.filter((one) => one.volume).map(volumeOf), args),
      deploymentTriggers: (args) =>
        page(services.filter((one) => one.source?.repo).map(triggerOf), args),
      variables: (args) =>
        page(
          services.flatMap((service) =>
            service.variables.map((variable) => ({
              references: [],
              ...variable,
              serviceId: service.id,
            })),
          ),
          args,
        ),
    };
  }

  metrics(args) {
    this.check(args.projectId, args.environmentId);
    const window = windowOf(args);
    const services = args.serviceId ? [this.serviceBy(args.serviceId)] : this.world.services;
    const isByInstance = (args.groupBy || []).includes('DEPLOYMENT_INSTANCE_ID');
    return args.measurements.flatMap((measurement) =>
      services.flatMap((service) => {
        const all = service.instances.map((instance) => ({
          tags: { serviceId: service.id, deploymentInstanceId: instance.id },
          values: series(instance, service, measurement, window),
        }));
        const groups = isByInstance
          ? all
          : [{ tags: { serviceId: service.id }, values: summed(all.map((one) => one.values)) }];
        return groups.filter((one) => one.values.length).map((one) => ({ measurement, ...one }));
      }),
    );
  }

  requestsOf(args) {
    this.check(null, args.environmentId);
    const service = this.serviceBy(args.serviceId);
    if (!service.domain) return [];
    return service.requests.filter(
      (one) =>
        (!args.path || one.path === args.path) &&
        (!args.method || one.method === args.method) &&
        (!args.statusCode || one.status === args.statusCode),
    );
  }

  httpMetricsGroupedByStatus(args) {
    const window = windowOf(args);
    const requests = this.requestsOf(args);
    const codes = [...new Set(requests.map((one) => one.status))].sort((a, b) => a - b);
    return codes
      .map((statusCode) => ({
        statusCode,
        samples: [
          ...byStep(
            requests.filter((one) => one.status === statusCode),
            window.from,
            window.to,
            window.step,
          ),
        ].map(([ts, items]) => ({ ts, value: items.length })),
      }))
      .filter((one) => one.samples.length);
  }

  httpDurationMetrics(args) {
    const window = windowOf(args);
    const steps = byStep(this.requestsOf(args), window.from, window.to, window.step);
    return { samples: [...steps].map(([ts, items]) => ({ ts, ...durations(items) })) };
  }

  environmentLogs(args) {
    this.check(null, args.environmentId);
    const rows = this.world.services
      .flatMap((service) =>
        service.deployments.flatMap((deployment) => rowsOf(service, deployment)),
      )
      .sort((a, b) => a.at_ms - b.at_ms);
    return this.logs(rows, args, args.beforeLimit);
  }

  deploymentLogs(args) {
    const { service, deployment } = this.deploymentBy(args.deploymentId);
    return this.logs(rowsOf(service, deployment), args, args.limit);
  }

  httpLogs(args) {
    const { service, deployment } = this.deploymentBy(args.deploymentId);
    const rows = (deployment.access?.entries ?? []).map((one) => httpRow(service, one));
    return this.logs(rows, args, args.beforeLimit ?? args.limit);
  }

  logs(rows, args, limit) {
    const test = filter(args.filter);
    return newest(between(rows, args).filter(test), limit).map((row) => row.shown);
  }

  buildLogs({ deploymentId, limit }) {
    return newest(this.deploymentBy(deploymentId).deployment.buildLogs, limit);
  }

  deployments({ input, ...pages }) {
    this.check(input.projectId, input.environmentId);
    const services = input.serviceId ? [this.serviceBy(input.serviceId)] : this.world.services;
    const all = services
      .flatMap((service) => service.deployments)
      .sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
    return page(all.map(deploymentOf), pages);
  }

  deploymentInstanceExecutions({ input, ...pages }) {
    this.check(null, input.environmentId);
    this.serviceBy(input.serviceId);
    return page([], pages);
  }

  platformStatus() {
    return this.world.platform;
  }
}

function caller(request, tokens) {
  const project = request.headers['project-access-token'];
  if (project)
    return tokens.project && isSame(project, tokens.project) ? { kind: 'project' } : null;
  const match = /^Bearer (.+)$/.exec(request.headers.authorization || '');
  return match && tokens.account && isSame(match[1], tokens.account) ? { kind: 'account' } : null;
}

function errors(list) {
  return {
    errors: list.map((error) => ({
      extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      ...error.toJSON(),
    })),
  };
}

// A field (or alias) that is refused: the answer is made without it, as the real one would.
function refusing(root, field) {
  return (source, args, context, info) => {
    if (info.path.key === field || info.fieldName === field)
      throw new Error('Problem processing request');
    return graphql.defaultFieldResolver(source, args, context, info);
  };
}

async function answer(schema, root, asked, fault) {
  const document = graphql.parse(asked.query);
  const wrong = graphql.validate(schema, document);
  if (wrong.length) return { status: 400, body: errors(wrong) };
  const told = await graphql.execute({
    schema,
    document,
    rootValue: root,
    variableValues: asked.variables,
    operationName: asked.operationName,
    ...(fault?.kind === 'refuse' && { fieldResolver: refusing(root, fault.field) }),
  });
  if (!told.data && !told.errors?.[0]?.path) return { status: 400, body: errors(told.errors) };
  return { status: 200, body: told };
}

function reply(request, response, status, body, headers) {
  const text = JSON.stringify(body);
  const wantsGzip = /\bgzip\b/.test(request.headers['accept-encoding'] || '');
  if (!wantsGzip || text.length < GZIP_FROM_BYTES) return send(response, status, text, headers);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-encoding': 'gzip',
    ...headers,
  });
  return response.end(zlib.gzipSync(text));
}

function parse(body) {
  try {
    const asked = JSON.parse(body);
    return typeof asked?.query === 'string' ? asked : null;
  } catch {
    return null;
  }
}

function operationOf(asked) {
  return asked.operationName ?? /\bquery\s+(\w+)/.exec(asked.query)?.[1] ?? 'unnamed';
}

async function handle(world, request, response, body, faults) {
  if (request.method !== 'POST' || request.url !== '/graphql/v2') {
    return send(response, 404, '<html>Not Found</html>', { 'content-type': 'text/html' });
  }
  if (!/^application\/json\b/.test(request.headers['content-type'] || '')) {
    return send(response, 415, { errors: [{ message: 'Content-Type must be application/json' }] });
  }
  const asked = parse(body);
  if (!asked) return send(response, 400, { errors: [{ message: 'Must provide a query.' }] });
  world.seen.push({ at: new Date(), operation: operationOf(asked), bytes: body.length });
  const fault = faults.take(operationOf(asked));
  if (fault && play(fault, request, response)) return undefined;
  if (fault?.kind === 'null') {
    return send(response, 200, {
      data: null,
      errors: [{ message: 'Problem processing request', path: [] }],
    });
  }
  const who = caller(request, world.tokens);
  if (!who) return send(response, 200, { data: null, errors: [{ message: 'Not Authorized' }] });
  const told = await answer(world.schema, new Root(world.project, who), asked, fault);
  return reply(request, response, told.status, told.body, {
    'x-ratelimit-limit': '10000',
    'x-ratelimit-remaining': String(10000 - world.seen.length),
  });
}

// project: a Project. tokens: {project, account}. Fault kinds beside the common ones: `null` (data
// is null, transient), `refuse` {field: name or alias}. A fault's `match` is looked for in the
// operation's name. Returns what listen() does, and {graphql_url, seen[]}.
async function startRailway({ project, tokens }) {
  const schema = graphql.buildSchema(fs.readFileSync(SCHEMA_FILE, 'utf8'));
  const world = { project, tokens, schema, seen: [] };
  const server = await listen((request, response, body, faults) =>
    handle(world, request, response, body, faults).catch((error) => {
      if (!(error instanceof graphql.GraphQLError)) throw error;
      send(response, 400, errors([error]));
    }),
  );
  return Object.assign(server, { graphql_url: `${server.url}/graphql/v2`, seen: world.seen });
}

module.exports = { startRailway, SCHEMA_FILE };
