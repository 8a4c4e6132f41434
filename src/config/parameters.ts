/**
 * Every parameter that tlsmgr reads, in one table: parsing, checks, `tlsmgr
 * config`, docs/parameters.md and the manual page are made from it. Defaults
 * are those of `postconf -d`, Postfix 3.7. Sources: src/tlsmgr/tlsmgr.c,
 * src/global/mail_params.c.
 */
import { type CacheDescription, postfixCaches } from './cache-names.ts';

export type ParameterKind = 'text' | 'time' | 'integer' | 'size' | 'boolean' | 'level';

/** Where the manual page has it. */
export type ParameterGroup = 'cache' | 'prng' | 'service' | 'misc' | 'common';

export interface Parameter {
  readonly name: string;
  readonly kind: ParameterKind;
  readonly group: ParameterGroup;
  /** Unexpanded; a text that only the running program knows is put in by load.ts. */
  readonly default: string;
  /** Of numbers and times; of the length for texts. */
  readonly min?: number;
  readonly max?: number;
  /** Not a parameter of Postfix's. */
  readonly ours?: boolean;
  /** Told by the program, not set in main.cf. */
  readonly readOnly?: boolean;
  readonly help: string;
}

/** A default that load.ts finds out. */
export const foundAtRun = '';

const longestCacheSeconds = 8_640_000;

function cacheParameters({ name: label, owner }: CacheDescription): Parameter[] {
  const of = `of the ${owner}`;
  return [
    {
      name: `${label}_tls_session_cache_timeout`,
      kind: 'time',
      group: 'cache',
      default: '3600s',
      min: 0,
      max: longestCacheSeconds,
      help: `Lifetime of the sessions ${of}; 0 turns its cache off, 1 to 119 s count as 120.`,
    },
    {
      name: `${label}_tls_session_cache_database`,
      kind: 'text',
      group: 'cache',
      default: '',
      help: `The session cache ${of}: a type and a path, or internal: for memory only; empty for none.`,
    },
    {
      name: `${label}_tls_session_cache_size_limit`,
      kind: 'size',
      group: 'cache',
      default: '268435456',
      min: 0,
      ours: true,
      help: `Most bytes of ids and sessions in the cache ${of}; the oldest go first.`,
    },
    {
      name: `${label}_tls_session_cache_entry_limit`,
      kind: 'integer',
      group: 'cache',
      default: '0',
      min: 0,
      ours: true,
      help: `Most sessions in the cache ${of}; the oldest go first. 0: no such limit.`,
    },
    {
      name: `${label}_tls_loglevel`,
      kind: 'text',
      group: 'cache',
      default: '0',
      help: `2 and more log each operation of the cache ${of}.`,
    },
  ];
}

const cache: readonly Parameter[] = [
  ...postfixCaches.flatMap((described) => cacheParameters(described)),
  {
    name: 'tlsmgr_session_cache_persistent',
    kind: 'boolean',
    group: 'cache',
    default: 'no',
    ours: true,
    help: "Whether sessions survive a restart in the caches' files.",
  },
  {
    name: 'tlsmgr_session_cache_key_file',
    kind: 'text',
    group: 'cache',
    default: '',
    ours: true,
    help: "File with the keys that encrypt the caches' files; empty: they are not encrypted.",
  },
];

const prng: readonly Parameter[] = [
  {
    name: 'tls_random_source',
    kind: 'text',
    group: 'prng',
    default: 'dev:/dev/urandom',
    help: 'The external source of entropy: dev:/path, egd:/path, or the path of a file.',
  },
  {
    name: 'tls_random_bytes',
    kind: 'integer',
    group: 'prng',
    default: '32',
    min: 1,
    help: 'Bytes read from the source at each reseed.',
  },
  {
    name: 'tls_random_exchange_name',
    kind: 'text',
    group: 'prng',
    default: '${data_directory}/prng_exch',
    help: "The file that carries the pool's state from one process to the next; empty: none.",
  },
  {
    name: 'tls_random_prng_update_period',
    kind: 'time',
    group: 'prng',
    default: '3600s',
    min: 1,
    help: 'Longest time between two updates of that file.',
  },
  {
    name: 'tls_random_reseed_period',
    kind: 'time',
    group: 'prng',
    default: '3600s',
    min: 1,
    help: 'Longest time between two reads of the source.',
  },
  {
    name: 'tlsmgr_egd_listen',
    kind: 'text',
    group: 'prng',
    default: '',
    ours: true,
    help: 'Path of a socket that serves the EGD protocol from the pool; empty: none.',
  },
];

const service: readonly Parameter[] = [
  {
    name: 'tlsmgr_protocol_announcement',
    kind: 'boolean',
    group: 'service',
    default: 'yes',
    ours: true,
    help: 'Whether the server speaks first: yes for Postfix 3.6 and later, no for 3.4 and 3.5.',
  },
  {
    name: 'tlsmgr_request_size_limit',
    kind: 'size',
    group: 'service',
    default: '1048576',
    min: 4096,
    ours: true,
    help: 'Longest request in bytes; a longer one closes its connection.',
  },
  {
    name: 'tlsmgr_request_time_limit',
    kind: 'time',
    group: 'service',
    default: '60s',
    min: 1,
    ours: true,
    help: 'Longest time for a request to arrive whole, or for a reply to be read.',
  },
  {
    name: 'tlsmgr_connection_limit',
    kind: 'integer',
    group: 'service',
    default: '5000',
    min: 1,
    ours: true,
    help: 'Most connections at one time, as far as descriptors allow; an idle one makes room for a new one.',
  },
  {
    name: 'tlsmgr_metrics_listen',
    kind: 'text',
    group: 'service',
    default: '',
    ours: true,
    help: 'Where metrics and a page for people are served over HTTP: host:port, [address]:port, or the path of a socket; empty: nowhere.',
  },
];

const misc: readonly Parameter[] = [
  {
    name: 'config_directory',
    kind: 'text',
    group: 'misc',
    default: foundAtRun,
    min: 1,
    help: 'Where main.cf is.',
  },
  {
    name: 'data_directory',
    kind: 'text',
    group: 'misc',
    default: '/var/lib/postfix',
    min: 1,
    help: 'Files that mail_owner may write.',
  },
  {
    name: 'daemon_timeout',
    kind: 'time',
    group: 'misc',
    default: '18000s',
    min: 1,
    help: 'How long the event loop may stand still before the kernel ends the process.',
  },
  {
    name: 'process_id',
    kind: 'text',
    group: 'misc',
    default: foundAtRun,
    readOnly: true,
    help: "The process's number.",
  },
  {
    name: 'process_name',
    kind: 'text',
    group: 'misc',
    default: foundAtRun,
    readOnly: true,
    help: "The program's name.",
  },
  {
    name: 'service_name',
    kind: 'text',
    group: 'misc',
    default: foundAtRun,
    readOnly: true,
    help: "The service's name in master.cf.",
  },
  {
    name: 'syslog_facility',
    kind: 'text',
    group: 'misc',
    default: 'mail',
    min: 1,
    help: 'Facility of syslog messages.',
  },
  {
    name: 'syslog_name',
    kind: 'text',
    group: 'misc',
    default: '${multi_instance_name?{$multi_instance_name}:{postfix}}',
    min: 1,
    help: "What stands before the program's name in the log.",
  },
];

const common: readonly Parameter[] = [
  {
    name: 'compatibility_level',
    kind: 'level',
    group: 'common',
    default: '0',
    help: 'The Postfix release whose defaults main.cf expects.',
  },
  {
    name: 'mail_version',
    kind: 'text',
    group: 'common',
    default: foundAtRun,
    min: 1,
    help: "Postfix's version, where one is installed.",
  },
  {
    name: 'mail_name',
    kind: 'text',
    group: 'common',
    default: 'Postfix',
    min: 1,
    help: "The mail system's name.",
  },
  {
    name: 'queue_directory',
    kind: 'text',
    group: 'common',
    default: '/var/spool/postfix',
    min: 1,
    help: 'Working directory, and root directory with chroot.',
  },
  {
    name: 'daemon_directory',
    kind: 'text',
    group: 'common',
    default: '/usr/lib/postfix/sbin',
    min: 1,
    help: "Where Postfix's daemons are.",
  },
  {
    name: 'mail_owner',
    kind: 'text',
    group: 'common',
    default: 'postfix',
    min: 1,
    help: 'The user that the daemon becomes.',
  },
  {
    name: 'setgid_group',
    kind: 'text',
    group: 'common',
    default: 'postdrop',
    min: 1,
    help: "A group that must not be mail_owner's.",
  },
  {
    name: 'default_privs',
    kind: 'text',
    group: 'common',
    default: 'nobody',
    min: 1,
    help: 'A user that must not be mail_owner.',
  },
  {
    name: 'ipc_timeout',
    kind: 'time',
    group: 'common',
    default: '3600s',
    min: 1,
    help: 'Checked, without effect here.',
  },
  {
    name: 'ipc_idle',
    kind: 'time',
    group: 'common',
    default: '5s',
    min: 1,
    help: 'Checked, without effect here.',
  },
  {
    name: 'ipc_ttl',
    kind: 'time',
    group: 'common',
    default: '1000s',
    min: 1,
    help: 'Checked, without effect here.',
  },
  {
    name: 'max_idle',
    kind: 'time',
    group: 'common',
    default: '100s',
    min: 1,
    help: 'Checked, without effect here.',
  },
  {
    name: 'max_use',
    kind: 'integer',
    group: 'common',
    default: '100',
    min: 1,
    help: 'Checked, without effect here.',
  },
  {
    name: 'multi_instance_name',
    kind: 'text',
    group: 'common',
    default: '',
    help: "This Postfix instance's name.",
  },
  {
    name: 'multi_instance_group',
    kind: 'text',
    group: 'common',
    default: '',
    help: 'The group of this instance.',
  },
  {
    name: 'multi_instance_directories',
    kind: 'text',
    group: 'common',
    default: '',
    help: 'Configuration directories of further instances.',
  },
  {
    name: 'multi_instance_wrapper',
    kind: 'text',
    group: 'common',
    default: '',
    help: 'The manager of several instances.',
  },
  {
    name: 'multi_instance_enable',
    kind: 'boolean',
    group: 'common',
    default: 'no',
    help: 'Whether this instance is started.',
  },
  {
    name: 'maillog_file',
    kind: 'text',
    group: 'common',
    default: '',
    help: 'Log through postlogd(8) into this file instead of syslog.',
  },
  {
    name: 'maillog_file_prefixes',
    kind: 'text',
    group: 'common',
    default: '/var, /dev/stdout',
    min: 1,
    help: 'What maillog_file may start with.',
  },
  {
    name: 'maillog_file_compressor',
    kind: 'text',
    group: 'common',
    default: 'gzip',
    min: 1,
    help: 'Without effect here.',
  },
  {
    name: 'maillog_file_rotate_suffix',
    kind: 'text',
    group: 'common',
    default: '%Y%m%d-%H%M%S',
    min: 1,
    help: 'Without effect here.',
  },
  {
    name: 'maillog_file_permissions',
    kind: 'text',
    group: 'common',
    default: '0600',
    min: 1,
    help: 'Without effect here.',
  },
  {
    name: 'postlog_service_name',
    kind: 'text',
    group: 'common',
    default: 'postlog',
    min: 1,
    help: 'The service that maillog_file logs through.',
  },
  {
    name: 'smtputf8_enable',
    kind: 'boolean',
    group: 'common',
    default: '${{$compatibility_level} <level {1} ? {no} : {yes}}',
    help: 'Whether the log keeps UTF-8.',
  },
  {
    name: 'myhostname',
    kind: 'text',
    group: 'common',
    default: foundAtRun,
    min: 1,
    help: "This host's name.",
  },
  {
    name: 'mydomain',
    kind: 'text',
    group: 'common',
    default: foundAtRun,
    min: 1,
    help: "This host's domain.",
  },
  {
    name: 'inet_protocols',
    kind: 'text',
    group: 'common',
    default: 'all',
    help: 'Checked, without effect here.',
  },
  {
    name: 'default_database_type',
    kind: 'text',
    group: 'common',
    default: 'hash',
    min: 1,
    help: 'The type of a cache database that names none.',
  },
  {
    name: 'import_environment',
    kind: 'text',
    group: 'common',
    default:
      'MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME',
    help: 'Without effect here: master(8) reads it.',
  },
  {
    name: 'export_environment',
    kind: 'text',
    group: 'common',
    default: 'TZ MAIL_CONFIG LANG',
    help: 'Without effect here.',
  },
  {
    name: 'debug_peer_level',
    kind: 'integer',
    group: 'common',
    default: '2',
    min: 1,
    help: 'Checked, without effect here.',
  },
  {
    name: 'debug_peer_list',
    kind: 'text',
    group: 'common',
    default: '',
    help: 'Without effect here.',
  },
];

export const parameters: readonly Parameter[] = [...cache, ...prng, ...service, ...misc, ...common];

const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));

export function findParameter(name: string): Parameter | undefined {
  return byName.get(name);
}
