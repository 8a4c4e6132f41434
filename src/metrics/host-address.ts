/**
 * Finds the address of a host. An optional listener may delay nobody. The
 * system's own look-up, getaddrinfo(3), occupies a thread until it gives up on
 * name servers that don't answer, and the process can't end before that. So
 * /etc/hosts is read here. A host that isn't there is looked up in DNS, without a
 * thread, at the servers of /etc/resolv.conf. Both files are read before the
 * chroot.
 */
import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { isIP, isIPv4 } from 'node:net';
import { reasonOf } from '../system/calls.ts';

/** Of one query to one server; the second try has twice the time. */
const queryMs = 2000;
const queryTries = 2;

/** What is needed of a Resolver. */
interface NameServers {
  resolve4(host: string): Promise<string[]>;
  resolve6(host: string): Promise<string[]>;
}

export interface HostAddressOptions {
  hostsPath?: string;
  resolver?: NameServers;
}

export class HostAddress {
  /** The address, when no name server has to be asked. */
  readonly known: string | undefined;
  readonly #host: string;
  readonly #resolver: NameServers;

  /** Make it before the chroot. */
  constructor(host: string, options: HostAddressOptions = {}) {
    const { hostsPath = '/etc/hosts' } = options;
    this.#host = host;
    this.#resolver = options.resolver ?? new Resolver({ timeout: queryMs, tries: queryTries });
    this.known = isIP(host) === 0 ? fromHosts(host, hostsPath) : host;
  }

  /** Asks the name servers. Throws an Error whose message is the reason. */
  async ask(): Promise<string> {
    try {
      const found = await this.#resolver.resolve4(this.#host);
      return found[0]!;
    } catch (thrown) {
      if (!isNoAddress(thrown)) {
        throw new Error(wordsOf(thrown), { cause: thrown });
      }
    }
    try {
      const found = await this.#resolver.resolve6(this.#host);
      return found[0]!;
    } catch (thrown) {
      throw new Error(wordsOf(thrown), { cause: thrown });
    }
  }
}

/** hosts(5). An address of IPv4 goes first; localhost needs no line, RFC 6761 6.3. */
function fromHosts(host: string, path: string): string | undefined {
  const name = host.toLowerCase();
  const addresses = readHosts(path)
    .split('\n')
    .map((line) => line.replace(/#.*/u, '').trim().toLowerCase().split(/\s+/u))
    .filter(([address = '', ...names]) => isIP(address) !== 0 && names.includes(name))
    .map(([address]) => address!);
  const found = addresses.find((address) => isIPv4(address)) ?? addresses[0];
  return found ?? (name === 'localhost' ? '127.0.0.1' : undefined);
}

function readHosts(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Without the file there are the name servers.
    return '';
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}

function isNoAddress(thrown: unknown): boolean {
  return ['ENODATA', 'ENOTFOUND'].includes(codeOf(thrown));
}

/** c-ares has codes, and no words. */
function wordsOf(thrown: unknown): string {
  switch (codeOf(thrown)) {
    case 'ENODATA':
    case 'ENOTFOUND':
      return 'the host has no address in /etc/hosts or DNS';
    case 'ETIMEOUT':
    case 'ECONNREFUSED':
      return "no name server answers, and /etc/hosts doesn't have the host";
    case 'ESERVFAIL':
    case 'EREFUSED':
      return "the name servers fail, and /etc/hosts doesn't have the host";
    default:
      return reasonOf(thrown);
  }
}
