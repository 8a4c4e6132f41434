/**
 * The lines of the file that tlsmgr_fleet_engine names, as memcache_table(5) has
 * them: `name = value`, comments, and continuation; nothing in a value is
 * expanded. What main.cf is warned of is a fault here, a name that is set twice,
 * for one. Throws FatalError with the path, the name and the reason.
 *
 * A message quotes no line, and no value but that of a number or of yes and no: the
 * file may be another one by mistake, that of the secret for one, or have a password
 * where none belongs.
 */
import { fromByteText } from '../../config/byte-text.ts';
import { addressText, parseListenAddress } from '../../config/listen-address.ts';
import { parseMainCf } from '../../config/main-cf.ts';
import { booleanValue, integerValue, sizeValue, timeValue, words } from '../../config/values.ts';
import { FatalError, messageOf } from '../../errors.ts';

export interface ServerAddress {
  host: string;
  port: number;
}

/** `host:port`, or `[address]:port`. */
export function serverText({ host, port }: ServerAddress): string {
  return addressText({ kind: 'tcp', host, port });
}

interface Row<Value> {
  fallback: string;
  /** Throws an Error that names the parameter. */
  read: (name: string, text: string) => Value;
}

/** Of the names in such a file. Others aren't told. */
const nameText = /^[a-z_]{1,32}$/u;

/** What may stand in the file. */
const rows = {
  servers: row('', addresses),
  sentinels: row('', addresses),
  sentinel_master: row('', oneWord),
  cluster: row('no', booleanValue),
  username: row('', oneWord),
  password_file: row('', absolutePath),
  database: row('0', (name, text) => integerValue(name, text, { min: 0, max: 1_000_000 })),
  key_prefix: row('tlsmgr:', keyPrefix),
  tls: row('no', booleanValue),
  tls_ca_file: row('', absolutePath),
  tls_cert_file: row('', absolutePath),
  tls_key_file: row('', absolutePath),
  tls_server_name: row('', oneWord),
  /** Seconds. */
  connect_timeout: row('1s', (name, text) => timeValue(name, text, { min: 1, max: 60 }, fail)),
  read_limit_ms: row('45', (name, text) => integerValue(name, text, { min: 1, max: 1000 })),
  queue_size_limit: row('4194304', (name, text) => sizeValue(name, text, { min: 0 })),
  near_size_limit: row('16777216', (name, text) => sizeValue(name, text, { min: 0 })),
} as const;

type Name = keyof typeof rows;

export const engineNames: readonly string[] = Object.keys(rows);

/** What stands in a file, each value checked; paths as they are written. */
export type EngineValues = {
  -readonly [Key in Name]: (typeof rows)[Key] extends Row<infer Value> ? Value : never;
};

/** @param text one character a byte. @param file its path, for messages. */
export function parseEngineFile(text: string, file: string): EngineValues {
  const given = namesAndValues(text, file);
  for (const name of given.keys()) {
    if (!Object.hasOwn(rows, name)) {
      const told = nameText.test(name) ? name : "not shown, as it isn't of a to z and _";
      throw new FatalError(`${file}: unknown name: ${told}`);
    }
  }
  const names = Object.keys(rows) as Name[];
  const found = Object.fromEntries(
    names.map((name) => {
      const { fallback, read } = rows[name];
      return [name, inFile(file, () => read(name, fromByteText(given.get(name) ?? fallback)))];
    }),
  ) as unknown as EngineValues;
  const fault = faultBetween(found);
  if (fault !== undefined) {
    throw new FatalError(`${file}: ${fault}`);
  }
  return found;
}

function namesAndValues(text: string, file: string): Map<string, string> {
  try {
    return parseMainCf(text, file, fail);
  } catch (thrown) {
    throw new FatalError(withoutQuotation(messageOf(thrown), file));
  }
}

/** Without what follows the reason: `: "LINE"`, or of a name that is set twice `=VALUE`. */
function withoutQuotation(message: string, file: string): string {
  const reason = message.slice(file.length);
  return file + reason.replace(/(?:: "|(?<=: overriding earlier entry: \w+)=).*$/su, '');
}

/** Messages of FatalError begin with the path of the file. */
export function inFile<Value>(file: string, read: () => Value): Value {
  try {
    return read();
  } catch (thrown) {
    throw new FatalError(`${file}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** What doesn't go together. */
function faultBetween(found: EngineValues): string | undefined {
  const { servers, sentinels, cluster, tls } = found;
  if (servers.length === 0 && sentinels.length === 0) {
    return 'neither servers nor sentinels is set';
  }
  if (servers.length > 0 && sentinels.length > 0) {
    return 'servers and sentinels are both set';
  }
  if (sentinels.length > 0 !== (found.sentinel_master !== '')) {
    return 'sentinels and sentinel_master go together';
  }
  if (cluster && sentinels.length > 0) {
    return 'a Cluster has no sentinels';
  }
  if (cluster && found.database !== 0) {
    return 'a Cluster has database 0 only';
  }
  if (found.username !== '' && found.password_file === '') {
    return 'username needs a password_file';
  }
  const ofTls = ['tls_ca_file', 'tls_cert_file', 'tls_key_file', 'tls_server_name'] as const;
  const useless = ofTls.find((name) => found[name] !== '');
  if (!tls && useless !== undefined) {
    return `${useless} needs tls = yes`;
  }
  return (found.tls_cert_file === '') === (found.tls_key_file === '')
    ? undefined
    : 'tls_cert_file and tls_key_file go together';
}

function addresses(name: string, text: string): ServerAddress[] {
  return words(text).map((word, index) => {
    const address = parseListenAddress(word);
    if (address?.kind !== 'tcp') {
      throw new FatalError(`${name}: word ${index + 1} is neither host:port nor [address]:port`);
    }
    return { host: address.host, port: address.port };
  });
}

function absolutePath(name: string, text: string): string {
  if (text !== '' && !text.startsWith('/')) {
    throw new FatalError(`${name}: not an absolute path`);
  }
  return text;
}

function oneWord(name: string, text: string): string {
  if (/\s/u.test(text)) {
    throw new FatalError(`${name}: more than one word`);
  }
  return text;
}

function keyPrefix(name: string, text: string): string {
  if (!/^[!-~]{0,64}$/u.test(text)) {
    throw new FatalError(`${name}: not at most 64 printable characters without blanks`);
  }
  return text;
}

function row<Value>(fallback: string, read: Row<Value>['read']): Row<Value> {
  return { fallback, read };
}

function fail(text: string): never {
  throw new FatalError(text);
}
