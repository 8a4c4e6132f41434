/**
 * Rows that all programs of Postfix have. Postfix reads them from several
 * tables, one after the other; the hundreds of `order` are those tables.
 * Defaults are those of `postconf -d`, Postfix 3.7. Sources:
 * src/global/mail_params.c, src/master/multi_server.c.
 */
import { flag, foundAtRun, integer, level, type Parameter, text, time } from '../parameter.ts';

export const placeRows = {
  dataDirectory: text({
    name: 'data_directory',
    order: 205,
    group: 'misc',
    default: '/var/lib/postfix',
    min: 1,
    help: 'Files that mail_owner may write.',
  }),
  queueDirectory: text({
    name: 'queue_directory',
    order: 206,
    group: 'common',
    default: '/var/spool/postfix',
    min: 1,
    help: 'Working directory, and root directory with chroot.',
  }),
  daemonDirectory: text({
    name: 'daemon_directory',
    order: 204,
    group: 'common',
    default: '/usr/lib/postfix/sbin',
    min: 1,
    help: "Where Postfix's daemons are.",
  }),
};

export const logRows = {
  /** One of the names of syslogFacilities. */
  syslogFacility: text({
    name: 'syslog_facility',
    order: 110,
    group: 'misc',
    default: 'mail',
    min: 1,
    help: 'Facility of syslog messages.',
  }),
  /** What stands before `/tlsmgr` in the tag. */
  syslogName: text({
    name: 'syslog_name',
    order: 201,
    group: 'misc',
    default: '${multi_instance_name?{$multi_instance_name}:{postfix}}',
    min: 1,
    help: "What stands before the program's name in the log.",
  }),
  /** Not empty: log through postlogd instead of syslog. */
  maillogFile: text({
    name: 'maillog_file',
    order: 115,
    group: 'common',
    default: '',
    help: 'Log through postlogd(8) into this file instead of syslog.',
  }),
  /** Whether valid UTF-8 stays as it is in the log. */
  keepUtf8: flag({
    name: 'smtputf8_enable',
    order: 140,
    group: 'common',
    default: '${{$compatibility_level} <level {1} ? {no} : {yes}}',
    help: 'Whether the log keeps UTF-8.',
  }),
  hostname: text({
    name: 'myhostname',
    order: 160,
    group: 'common',
    default: foundAtRun,
    min: 1,
    help: "This host's name.",
  }),
};

/** Names that every program of Postfix checks. */
export const identityRows = {
  mailOwner: text({
    name: 'mail_owner',
    order: 202,
    group: 'common',
    default: 'postfix',
    min: 1,
    help: 'The user that the daemon becomes.',
  }),
  setgidGroup: text({
    name: 'setgid_group',
    order: 203,
    group: 'common',
    default: 'postdrop',
    min: 1,
    help: "A group that must not be mail_owner's.",
  }),
  defaultPrivs: text({
    name: 'default_privs',
    order: 207,
    group: 'common',
    default: 'nobody',
    min: 1,
    help: 'A user that must not be mail_owner.',
  }),
};

export const generalRows = {
  daemonTimeoutSeconds: time({
    name: 'daemon_timeout',
    order: 500,
    group: 'misc',
    default: '18000s',
    min: 1,
    help: 'How long the event loop may stand still before the kernel ends the process.',
  }),
  defaultDatabaseType: text({
    name: 'default_database_type',
    order: 208,
    group: 'common',
    default: 'hash',
    min: 1,
    help: 'The type of a cache database that names none.',
  }),
};

export const postlogRows = {
  postlogServiceName: text({
    name: 'postlog_service_name',
    order: 120,
    group: 'common',
    default: 'postlog',
    min: 1,
    help: 'The service that maillog_file logs through.',
  }),
};

/** Checked as every program of Postfix checks them. No value of Config comes of them directly. */
export const checkedOnlyRows: readonly Parameter[] = [
  level({
    name: 'compatibility_level',
    order: 100,
    group: 'common',
    default: '0',
    help: 'The Postfix release whose defaults main.cf expects.',
  }),
  text({
    name: 'inet_protocols',
    order: 111,
    group: 'common',
    default: 'all',
    help: 'Checked, without effect here.',
  }),
  text({
    name: 'multi_instance_directories',
    order: 112,
    group: 'common',
    default: '',
    help: 'Configuration directories of further instances.',
  }),
  text({
    name: 'multi_instance_group',
    order: 113,
    group: 'common',
    default: '',
    help: 'The group of this instance.',
  }),
  text({
    name: 'multi_instance_name',
    order: 114,
    group: 'common',
    default: '',
    help: "This Postfix instance's name.",
  }),
  text({
    name: 'maillog_file_prefixes',
    order: 116,
    group: 'common',
    default: '/var, /dev/stdout',
    min: 1,
    help: 'What maillog_file may start with.',
  }),
  text({
    name: 'maillog_file_compressor',
    order: 117,
    group: 'common',
    default: 'gzip',
    min: 1,
    help: 'Without effect here.',
  }),
  text({
    name: 'maillog_file_rotate_suffix',
    order: 118,
    group: 'common',
    default: '%Y%m%d-%H%M%S',
    min: 1,
    help: 'Without effect here.',
  }),
  text({
    name: 'maillog_file_permissions',
    order: 119,
    group: 'common',
    default: '0600',
    min: 1,
    help: 'Without effect here.',
  }),
  text({
    name: 'mydomain',
    order: 161,
    group: 'common',
    default: foundAtRun,
    min: 1,
    help: "This host's domain.",
  }),
  text({
    name: 'mail_name',
    order: 200,
    group: 'common',
    default: 'Postfix',
    min: 1,
    help: "The mail system's name.",
  }),
  text({
    name: 'export_environment',
    order: 209,
    group: 'common',
    default: 'TZ MAIL_CONFIG LANG',
    help: 'Without effect here.',
  }),
  text({
    name: 'import_environment',
    order: 210,
    group: 'common',
    default:
      'MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME',
    help: 'Without effect here: master(8) reads it.',
  }),
  text({
    name: 'debug_peer_list',
    order: 211,
    group: 'common',
    default: '',
    help: 'Without effect here.',
  }),
  text({
    name: 'multi_instance_wrapper',
    order: 212,
    group: 'common',
    default: '',
    help: 'The manager of several instances.',
  }),
  integer({
    name: 'max_use',
    order: 300,
    group: 'common',
    default: '100',
    min: 1,
    help: 'Checked, without effect here.',
  }),
  integer({
    name: 'debug_peer_level',
    order: 301,
    group: 'common',
    default: '2',
    min: 1,
    help: 'Checked, without effect here.',
  }),
  flag({
    name: 'multi_instance_enable',
    order: 310,
    group: 'common',
    default: 'no',
    help: 'Whether this instance is started.',
  }),
  time({
    name: 'max_idle',
    order: 400,
    group: 'common',
    default: '100s',
    min: 1,
    help: 'Checked, without effect here.',
  }),
  time({
    name: 'ipc_timeout',
    order: 401,
    group: 'common',
    default: '3600s',
    min: 1,
    help: 'Checked, without effect here.',
  }),
  time({
    name: 'ipc_idle',
    order: 402,
    group: 'common',
    default: '5s',
    min: 1,
    help: 'Checked, without effect here.',
  }),
  time({
    name: 'ipc_ttl',
    order: 403,
    group: 'common',
    default: '1000s',
    min: 1,
    help: 'Checked, without effect here.',
  }),
];

/** Texts that the program tells. config_directory is what the caller chose, and asking for mail_version costs. */
export const uncheckedRows: readonly Parameter[] = [
  text({
    name: 'config_directory',
    group: 'misc',
    default: foundAtRun,
    min: 1,
    help: 'Where main.cf is.',
  }),
  text({
    name: 'process_id',
    group: 'misc',
    default: foundAtRun,
    readOnly: true,
    help: "The process's number.",
  }),
  text({
    name: 'process_name',
    group: 'misc',
    default: foundAtRun,
    readOnly: true,
    help: "The program's name.",
  }),
  text({
    name: 'service_name',
    group: 'misc',
    default: foundAtRun,
    readOnly: true,
    help: "The service's name in master.cf.",
  }),
  text({
    name: 'mail_version',
    group: 'common',
    default: foundAtRun,
    min: 1,
    help: "Postfix's version, where one is installed.",
  }),
];
