/**
 * What is needed to find the address of a host without getaddrinfo(3), which
 * occupies a thread and doesn't work in a chroot: the file /etc/hosts, and words
 * for what name servers say. The file is to be read before the chroot.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { reasonOf } from './calls.ts';

/** @returns hosts(5) as text; empty when there is no such file. */
export function readHostsFile(path = '/etc/hosts'): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Without the file there are the name servers.
    return '';
  }
}

/**
 * The addresses of a host in a text of hosts(5), in its order. localhost needs no
 * line, RFC 6761 6.3: it is reached by either family.
 */
export function addressesInHosts(host: string, text: string): string[] {
  const name = host.toLowerCase();
  const found = text
    .split('\n')
    .map((line) => line.replace(/#.*/u, '').trim().toLowerCase().split(/\s+/u))
    .filter(([address = '', ...names]) => isIP(address) !== 0 && names.includes(name))
    .map(([address]) => address!);
  return found.length === 0 && name === 'localhost' ? ['127.0.0.1', '::1'] : found;
}

/** Whether a name server has said that there is no such address. */
export function isNoAddress(thrown: unknown): boolean {
  return ['ENODATA', 'ENOTFOUND'].includes(codeOf(thrown));
}

/** Why a Resolver has no address. c-ares has codes, and no words. */
export function nameFaultText(thrown: unknown): string {
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

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}
