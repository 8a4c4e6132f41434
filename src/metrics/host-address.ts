/**
 * Finds the address of a host. An optional listener may delay nobody. The
 * system's own look-up, getaddrinfo(3), occupies a thread until it gives up on
 * name servers that don't answer, and the process can't end before that. So
 * /etc/hosts is read here. A host that isn't there is looked up in DNS, without a
 * thread, at the servers of /etc/resolv.conf. Both files are read before the
 * chroot.
 */
import { Resolver } from 'node:dns/promises';
import { isIP, isIPv4 } from 'node:net';
import {
  addressesInHosts,
  isNoAddress,
  nameFaultText,
  readHostsFile,
} from '../system/host-names.ts';

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
    this.#host = host;
    this.#resolver = options.resolver ?? new Resolver({ timeout: queryMs, tries: queryTries });
    this.known = isIP(host) === 0 ? fromHosts(host, options.hostsPath) : host;
  }

  /** Asks the name servers. Throws an Error whose message is the reason. */
  async ask(): Promise<string> {
    try {
      const found = await this.#resolver.resolve4(this.#host);
      return found[0]!;
    } catch (thrown) {
      if (!isNoAddress(thrown)) {
        throw new Error(nameFaultText(thrown), { cause: thrown });
      }
    }
    try {
      const found = await this.#resolver.resolve6(this.#host);
      return found[0]!;
    } catch (thrown) {
      throw new Error(nameFaultText(thrown), { cause: thrown });
    }
  }
}

/** An address of IPv4 goes first. */
function fromHosts(host: string, path: string | undefined): string | undefined {
  const addresses = addressesInHosts(host, readHostsFile(path));
  return addresses.find((address) => isIPv4(address)) ?? addresses[0];
}
