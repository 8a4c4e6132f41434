/**
 * Whether what a daemon tells of itself is a report that the verbs can show. Its
 * shape is that of src/report/report.ts; members that this version doesn't know
 * may be there as well.
 */
import { isRecord } from '../client/answers.ts';
import { TlsmgrError } from '../errors.ts';
import { type Report, schemaVersion } from '../report/report.ts';

/** Where a value isn't as it has to be: the path of the member; undefined when all is well. */
type Check = (value: unknown, path: string) => string | undefined;

type Members = Readonly<Record<string, Check>>;

const whenTrue = (isRight: (value: unknown) => boolean): Check => {
  return (value, path) => (isRight(value) ? undefined : path);
};

const number = whenTrue(Number.isFinite);
const text = whenTrue((value) => typeof value === 'string');
const flag = whenTrue((value) => typeof value === 'boolean');
const severity = whenTrue((value) => value === 'error' || value === 'warning');

const orNull = (check: Check): Check => {
  return (value, path) => (value === null ? undefined : check(value, path));
};
/** JSON leaves out what is undefined. */
const orAbsent = (check: Check): Check => {
  return (value, path) => (value === undefined ? undefined : check(value, path));
};
const listOf = (check: Check): Check => {
  return (value, path) =>
    Array.isArray(value)
      ? firstOf(value.map((item, index) => () => check(item, `${path}[${index}]`)))
      : path;
};
const byName = (check: Check): Check => {
  return (value, path) =>
    isRecord(value)
      ? firstOf(
          Object.entries(value).map(
            ([name, item]) =>
              () =>
                check(item, below(path, name)),
          ),
        )
      : path;
};
const object = (members: Members): Check => {
  return (value, path) =>
    isRecord(value)
      ? firstOf(
          Object.entries(members).map(
            ([name, check]) =>
              () =>
                check(value[name], below(path, name)),
          ),
        )
      : path;
};

const numbers = (...names: string[]): Members =>
  Object.fromEntries(names.map((name) => [name, number]));

const texts = (...names: string[]): Members =>
  Object.fromEntries(names.map((name) => [name, text]));

/** As far as a screen shows it; null: none is asked for. */
const fleet = object({
  ...texts('host', 'keySet', 'fault'),
  keys: orNull(
    object({
      ...texts('source', 'state'),
      ...numbers('known', 'confirmed', 'periodEndsInSeconds'),
      exchangedBeforeSeconds: orNull(number),
    }),
  ),
  engine: orNull(
    object({
      ...texts('server', 'connection', 'reads', 'writes', 'reason'),
      ...numbers('sinceSeconds'),
      latencyMs: orNull(object(numbers('p50', 'p99'))),
      counts: object(numbers('late')),
    }),
  ),
  caches: byName(
    object(
      numbers(
        'nearHits',
        'engineHits',
        'engineMisses',
        'notAsked',
        'written',
        'dropped',
        'notOpened',
      ),
    ),
  ),
  hosts: listOf(
    object({ ...texts('host', 'keySet'), secondsAgo: number, away: flag, differs: listOf(text) }),
  ),
  hostCounts: object(numbers('seen', 'away', 'differing')),
  clockDifferenceMs: orNull(number),
  warnings: listOf(object(texts('name', 'text'))),
});

const rates = { hitRatio: orNull(number), p99Seconds: orNull(number) };

const report = object({
  ...numbers('pid', 'uptimeSeconds'),
  problems: listOf(object({ severity, name: text, text })),
  version: text,
  node: text,
  mode: text,
  startedAt: text,
  caches: byName(
    object({
      enabled: flag,
      database: text,
      lifetimeSeconds: number,
      entries: orAbsent(number),
      bytes: orAbsent(number),
      sizeLimitBytes: orAbsent(number),
      entryLimit: orAbsent(number),
      hits: orAbsent(number),
      misses: orAbsent(number),
      evicted: orAbsent(number),
    }),
  ),
  tickets: object({
    enabled: flag,
    keys: listOf(
      object({
        fingerprint: text,
        ...numbers('ageSeconds', 'sealsForSeconds', 'opensForSeconds'),
        origin: orAbsent(text),
        madeBy: orAbsent(text),
      }),
    ),
  }),
  fleet: orAbsent(orNull(fleet)),
  prng: object({
    source: text,
    sourceHealthy: flag,
    lastReseedAgeSeconds: orAbsent(number),
    ...numbers('reseeds', 'bytesServed'),
  }),
  rates: object({
    ...rates,
    ...numbers('overSeconds', 'requestsPerSecond', 'connectionsPerSecond'),
    byName: byName(number),
    p50Seconds: orNull(number),
  }),
  requests: object({ total: number }),
  connections: object({
    ...numbers('open', 'limit', 'sizeLimitHits', 'timeLimitHits', 'connectionLimitHits'),
    transport: orAbsent(orNull(text)),
  }),
  log: object({
    lastHour: object(numbers('warnings', 'errors')),
    last: orNull(object({ severity, text, ageSeconds: number })),
  }),
  process: object(numbers('residentBytes', 'processorSeconds')),
  history: object({
    points: listOf(object({ ...rates, ...numbers('requestsPerSecond', 'connectionsPerSecond') })),
  }),
});

/**
 * The same value, as a report. Throws TlsmgrError `UNAVAILABLE` for another version
 * of it, or one that lacks something.
 */
export function requireReport(value: unknown): Report {
  const version = isRecord(value) ? value['schemaVersion'] : undefined;
  if (typeof version === 'number' && version !== schemaVersion) {
    throw new TlsmgrError(
      'UNAVAILABLE',
      `its report has schema version ${version}, and this tlsmgr knows ${schemaVersion}: use the tlsmgr that the daemon belongs to`,
    );
  }
  const fault = version !== schemaVersion ? 'schemaVersion' : report(value, '');
  if (fault !== undefined) {
    throw new TlsmgrError('UNAVAILABLE', `its report can't be read: ${fault} is wrong or missing`);
  }
  return value as Report;
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function firstOf(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const fault = check();
    if (fault !== undefined) {
      return fault;
    }
  }
  return undefined;
}
