/** Commands for the engine of a fleet, to be pasted: as this host reaches it. */
import type { Config } from '../../config/config.ts';
import { TlsmgrError } from '../../errors.ts';
import { isRefused } from '../../fleet/engine/engine-fault.ts';
import { readEngineValues } from '../../fleet/engine/engine-file.ts';
import type { EngineValues } from '../../fleet/engine/engine-values.ts';
import { shellWord } from './shell-word.ts';

/** What the engine's file says of how this host signs in; paths, and nothing that they hold. */
export type EngineAccess = Pick<
  EngineValues,
  | 'username'
  | 'password_file'
  | 'tls'
  | 'tls_ca_file'
  | 'tls_cert_file'
  | 'tls_key_file'
  | 'tls_server_name'
>;

/** @returns undefined where main.cf names no engine, or its file can't be read here. */
export function engineAccess(config: Config | undefined): EngineAccess | undefined {
  const file = config?.fleet.engine?.file;
  if (file === undefined) {
    return undefined;
  }
  try {
    return readEngineValues(file);
  } catch (thrown) {
    if (!(thrown instanceof TlsmgrError)) {
      throw thrown;
    }
    // The file has a finding of its own.
    return undefined;
  }
}

/**
 * @param server `host:port`, with brackets around an address of IPv6.
 * @param access undefined: not known.
 */
export function redisCli(server: string, access?: EngineAccess): string {
  const at = server.lastIndexOf(':');
  const [host, port] = at < 0 ? [server, ''] : [server.slice(0, at), server.slice(at + 1)];
  const bare = host.replace(/^\[(.*)\]$/u, '$1');
  const plain = ['redis-cli', ...option('-h', bare), ...option('-p', port)];
  return access === undefined
    ? plain.join(' ')
    : [
        ...passwordWords(access),
        ...plain,
        ...tlsWords(access),
        ...option('--user', access.username),
      ].join(' ');
}

/** @param reason why this host can't use it, as the engine's client tells. */
export function pingRemedy(
  server: string,
  access: EngineAccess | undefined,
  reason: string,
): string {
  return `${redisCli(server, access)} ping  # ${pingHint(reason)}`;
}

const inFile = 'in the file of tlsmgr_fleet_engine, then postfix reload';

function pingHint(reason: string): string {
  if (isRefused(reason)) {
    return `it has to answer PONG: correct username and password_file ${inFile}; or give this user of the engine the password, and the rights that docs/fleet.md lists`;
  }
  // Redis-cli doesn't compare names.
  if (/certificate|altnames/iu.test(reason)) {
    return `tls_ca_file has to name the authority of the server's certificate, and tls_server_name a name in it, unless servers does so: correct them ${inFile}`;
  }
  return `it has to answer PONG, from this host: if the server is another, or wants TLS, correct servers or tls ${inFile}; once the server is back it is used by itself`;
}

/** Not on the command line, which every user of this host can see. */
function passwordWords({ password_file: file }: EngineAccess): string[] {
  return file === '' ? [] : [`REDISCLI_AUTH="$(cat ${shellWord(file)})"`];
}

function tlsWords(access: EngineAccess): string[] {
  return access.tls
    ? [
        '--tls',
        ...option('--cacert', access.tls_ca_file),
        ...option('--cert', access.tls_cert_file),
        ...option('--key', access.tls_key_file),
        ...option('--sni', access.tls_server_name),
      ]
    : [];
}

function option(name: string, value: string): string[] {
  return value === '' ? [] : [name, shellWord(value)];
}
