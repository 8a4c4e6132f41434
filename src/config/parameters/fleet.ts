/** Rows of what the hosts of a fleet share. All of them are ours. */
import { badValue, cacheNames, type Given, type Parameter, row, text } from '../parameter.ts';
import { textValue, words } from '../values.ts';

const ticketKeySources = ['local', 'shared', 'derived', 'shared, derived'] as const;

export type TicketKeySource = (typeof ticketKeySources)[number];

/** Where the hosts of a fleet meet. */
export interface EngineChoice {
  readonly type: 'redis';
  /** An absolute path: how the engine is reached. */
  readonly file: string;
}

const longestNameBytes = 255;

export const fleetRows = {
  ticketKeys: ticketKeySource({
    name: 'tlsmgr_ticket_keys',
    group: 'fleet',
    default: 'local',
    ours: true,
    help: 'Which session ticket keys are used: local, those of this host alone; shared, those that the hosts of a fleet make and share; derived, those that follow from the secret of the fleet and the time; shared, derived: derived ones while no shared one is known.',
  }),
  /** Empty: none. */
  secretFile: text({
    name: 'tlsmgr_fleet_secret_file',
    group: 'fleet',
    default: '',
    ours: true,
    help: 'File with the secret of the fleet, made by tlsmgr fleet-secret and the same on all hosts; empty: nothing is shared.',
  }),
  engine: engineChoice({
    name: 'tlsmgr_fleet_engine',
    group: 'fleet',
    default: '',
    ours: true,
    help: 'Where the hosts of a fleet meet: redis: and the path of a file that says how a Redis or Valkey server is reached; empty: nowhere.',
  }),
  caches: cacheNames({
    name: 'tlsmgr_fleet_caches',
    group: 'fleet',
    default: 'smtp, smtpd',
    ours: true,
    help: 'The session caches whose sessions the fleet shares; empty: none.',
  }),
  keySet: shortName({
    name: 'tlsmgr_fleet_key_set',
    group: 'fleet',
    default: '${service_name?{$service_name}:{tlsmgr}}',
    ours: true,
    help: "The name of a set of services that may resume each other's sessions by tickets: those with another name have other ticket keys.",
  }),
  host: shortName({
    name: 'tlsmgr_fleet_host',
    group: 'fleet',
    default: '${myhostname}',
    ours: true,
    help: 'The name of this host in the fleet.',
  }),
};

/** Words in any order. */
function ticketKeySource(given: Given): Parameter<TicketKeySource> {
  const allowed = 'local, shared, derived, or shared and derived';
  return row('choice', given, allowed, (value, { prefix }) => {
    const asked = sortedWords(value);
    const source = ticketKeySources.find((one) => sortedWords(one) === asked);
    if (source === undefined) {
      throw badValue(prefix, given.name, value);
    }
    return source;
  });
}

function sortedWords(value: string): string {
  return words(value.toLowerCase()).toSorted().join(' ');
}

/** Undefined for an empty text. */
function engineChoice(given: Given): Parameter<EngineChoice | undefined> {
  const allowed = 'redis: and an absolute path, or nothing';
  return row('text', given, allowed, (value, { prefix }) => {
    if (value === '') {
      return undefined;
    }
    const file = /^redis:(\/.*)$/u.exec(value)?.[1];
    if (file === undefined || hasControlCharacter(file)) {
      throw badValue(prefix, given.name, value);
    }
    return { type: 'redis', file };
  });
}

function shortName(given: Given): Parameter<string> {
  const allowed = `a text of 1 to ${longestNameBytes} bytes without control characters`;
  const range = { ...given, min: 1 };
  return row('text', range, allowed, (value, { prefix }) => {
    textValue(given.name, value, range);
    if (Buffer.byteLength(value) > longestNameBytes || hasControlCharacter(value)) {
      throw badValue(prefix, given.name, value);
    }
    return value;
  });
}

function hasControlCharacter(value: string): boolean {
  return /\p{Cc}/u.test(value);
}
