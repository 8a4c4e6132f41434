/**
 * Reads the file that tlsmgr_fleet_engine names, `redis:FILE`, and the files that
 * it names, all before the chroot. Throws FatalError with the path, the name and
 * the reason. No message holds anything of a password or a key.
 */
import { FatalError } from '../../errors.ts';
import { readPrivateFile, readPublicFile } from '../private-file.ts';
import { type EngineValues, inFile, parseEngineFile, type ServerAddress } from './engine-values.ts';

/** PEM texts. */
export interface TlsFiles {
  /** Undefined: the CAs that Node.js brings along. */
  ca: Buffer | undefined;
  certificate: Buffer | undefined;
  key: Buffer | undefined;
  /** The name that the server's certificate has to have, in the place of its host; or empty. */
  serverName: string;
}

export interface EngineSettings {
  /** `redis:FILE`. */
  name: string;
  /** To be tried in turn; empty when there are Sentinels. */
  servers: readonly ServerAddress[];
  sentinels: readonly ServerAddress[];
  /** What the Sentinels call the master. */
  sentinelMaster: string;
  /** Whether the servers are nodes of a Cluster. */
  cluster: boolean;
  /** Empty: `default`. */
  username: string;
  password: string | undefined;
  database: number;
  keyPrefix: string;
  tls: TlsFiles | undefined;
  connectTimeoutMs: number;
  readLimitMs: number;
  /** Bytes of sessions that wait to be written. */
  queueSizeLimit: number;
  /** Bytes of sessions that were fetched. */
  nearSizeLimit: number;
}

/** Reads them with the rights of this process. @param file an absolute path. */
export function readEngineFile(file: string): EngineSettings {
  const values = readEngineValues(file);
  return {
    name: `redis:${file}`,
    servers: values.servers,
    sentinels: values.sentinels,
    sentinelMaster: values.sentinel_master,
    cluster: values.cluster,
    username: values.username,
    password: inFile(file, () => readPassword(values.password_file)),
    database: values.database,
    keyPrefix: values.key_prefix,
    tls: values.tls ? inFile(file, () => readTlsFiles(values)) : undefined,
    connectTimeoutMs: values.connect_timeout * 1000,
    readLimitMs: values.read_limit_ms,
    queueSizeLimit: values.queue_size_limit,
    nearSizeLimit: values.near_size_limit,
  };
}

/**
 * Why the engine of `tlsmgr_fleet_engine = NAME` can't be used, after that.
 * @param name `redis:FILE`.
 * @param message of readEngineFile() or openEngine(), which begins with FILE or NAME.
 */
export function engineFault(name: string, message: string): string {
  const file = name.slice(name.indexOf(':') + 1);
  const [told] = [name, file].filter((start) => message.startsWith(start));
  return told === undefined ? `: ${message}` : message.slice(told.length);
}

/** What stands in the file, without reading the files that it names. */
export function readEngineValues(file: string): EngineValues {
  return parseEngineFile(readPublicFile(file).toString('latin1'), file);
}

function readPassword(path: string): string | undefined {
  if (path === '') {
    return undefined;
  }
  const bytes = readPrivateFile(path);
  try {
    const text = bytes.toString('utf8').replace(/\r?\n$/u, '');
    if (text === '' || /[\r\n\0]/u.test(text)) {
      throw new FatalError(`${path}: not one line with a password`);
    }
    return text;
  } finally {
    bytes.fill(0);
  }
}

/** OpenSSL takes a file without any certificate, and trusts nobody then. */
function readAuthorities(path: string): Buffer {
  const bytes = readPublicFile(path);
  if (!/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/u.test(bytes.toString('latin1'))) {
    throw new FatalError(`${path}: no certificate in PEM form`);
  }
  return bytes;
}

function readTlsFiles(values: EngineValues): TlsFiles {
  const read = (path: string, how: (path: string) => Buffer): Buffer | undefined =>
    path === '' ? undefined : how(path);
  return {
    ca: read(values.tls_ca_file, readAuthorities),
    certificate: read(values.tls_cert_file, readPublicFile),
    key: read(values.tls_key_file, readPrivateFile),
    serverName: values.tls_server_name,
  };
}
