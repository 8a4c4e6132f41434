/**
 * Addresses of the engine's servers, also in a chroot, where getaddrinfo(3) finds
 * nothing without files of its own. All is made before the chroot: /etc/hosts is
 * read, and the name servers are taken from /etc/resolv.conf. At each connection they
 * are asked, for a second at most. If they don't answer, the last addresses serve.
 * getaddrinfo(3) isn't used: a process that ends waits for it, with dead name servers
 * for ten seconds, and master(8) starts no other one meanwhile.
 */
import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { isIP, isIPv4, type LookupFunction } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { addressesInHosts, nameFaultText, readHostsFile } from '../../system/host-names.ts';

/** Of one query to one server. So the second server is asked within the limit. */
const queryMs = 500;
const queryTries = 2;
export const nameLimitMs = 1000;

/** What is needed of a Resolver. */
export interface NameServers {
  resolve4(host: string): Promise<string[]>;
  resolve6(host: string): Promise<string[]>;
}

export interface NamesOptions {
  hostsPath?: string;
  nameServers?: NameServers;
}

export class Names {
  readonly #hostsFile: string;
  readonly #nameServers: NameServers;
  /** By host. */
  readonly #last = new Map<string, readonly string[]>();

  /** Make it before the chroot. */
  constructor(options: NamesOptions = {}) {
    this.#hostsFile = readHostsFile(options.hostsPath);
    this.#nameServers =
      options.nameServers ?? new Resolver({ timeout: queryMs, tries: queryTries });
  }

  /** In the place of dns.lookup(). */
  readonly lookup: LookupFunction = (host, options, callback) => {
    void this.#lookUp(host, options.all === true, callback);
  };

  /** At least one; of IPv4 first. Rejects with an Error whose message is the reason. */
  async addressesOf(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) {
      return [host];
    }
    const inHosts = addressesInHosts(host, this.#hostsFile);
    if (inHosts.length > 0) {
      return ordered(inHosts);
    }
    const { addresses, fault } = await this.#ask(host);
    if (addresses.length > 0) {
      this.#last.set(host, addresses);
      return addresses;
    }
    const last = this.#last.get(host);
    if (last === undefined) {
      throw new Error(`${host}: ${fault}`);
    }
    return last;
  }

  async #lookUp(
    host: string,
    wantsAll: boolean,
    done: Parameters<LookupFunction>[2],
  ): Promise<void> {
    let found: LookupAddress[];
    try {
      const addresses = await this.addressesOf(host);
      found = addresses.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 }));
    } catch (thrown) {
      done(thrown as Error, []);
      return;
    }
    if (wantsAll) {
      done(null, found);
    } else {
      done(null, found[0]!.address, found[0]!.family);
    }
  }

  async #ask(host: string): Promise<{ addresses: readonly string[]; fault: string }> {
    const found: string[] = [];
    let fault = `no answer of a name server within ${nameLimitMs} ms`;
    const note = (addresses: readonly string[]): void => void found.push(...addresses);
    const noteFault = (thrown: unknown): void => {
      fault = nameFaultText(thrown);
    };
    const asked = Promise.all([
      this.#nameServers.resolve4(host).then(note, noteFault),
      this.#nameServers.resolve6(host).then(note, noteFault),
    ]);
    await Promise.race([asked, pause(nameLimitMs, undefined, { ref: false })]);
    return { addresses: ordered(found), fault };
  }
}

function ordered(addresses: readonly string[]): readonly string[] {
  return addresses.toSorted((a, b) => isIP(a) - isIP(b));
}
