/**
 * Where on this host smtpd(8) can be reached over the network, by the lines of
 * master.cf. postscreen(8) comes last: it hands clients on to smtpd, or has TLS
 * of its own through tlsproxy(8).
 */
import { existsSync, readFileSync } from 'node:fs';
import { words } from '../../config/values.ts';
import { FatalError } from '../../errors.ts';
import { type MasterLine, overridesOf } from '../postfix/master-line.ts';

export interface SmtpAddress {
  host: string;
  port: number;
  /** TLS begins with the connection, without STARTTLS. */
  wrapped: boolean;
}

/** Expanded values of main.cf. */
export interface SmtpdParameters {
  inet_interfaces: string;
  inet_protocols: string;
  smtpd_tls_wrappermode: string;
}

/** Of those that /etc/services may lack. */
const usualPorts: ReadonlyMap<string, number> = new Map([
  ['smtp', 25],
  ['smtps', 465],
  ['submissions', 465],
  ['submission', 587],
]);

export function smtpAddresses(
  lines: readonly MasterLine[],
  parameters: SmtpdParameters,
): SmtpAddress[] {
  const named = (program: string): MasterLine[] =>
    lines.filter(
      ({ type, command }) =>
        type === 'inet' && command.slice(command.lastIndexOf('/') + 1) === program,
    );
  return [...named('smtpd'), ...named('postscreen')].flatMap((line) => {
    const overrides = new Map(ownOverrides(line).map(({ name, value }) => [name, value]));
    const valueOf = (name: keyof SmtpdParameters): string =>
      overrides.get(name) ?? parameters[name];
    const [, host, service] = /^(?:\[?([^\]]*)\]?:)?([^:]+)$/u.exec(line.service) ?? [];
    const port = portOf(service ?? '');
    return port === undefined
      ? []
      : [
          {
            host: host || usualHost(valueOf('inet_interfaces'), valueOf('inet_protocols')),
            port,
            wrapped: valueOf('smtpd_tls_wrappermode').toLowerCase() === 'yes',
          },
        ];
  });
}

function ownOverrides(line: MasterLine): ReturnType<typeof overridesOf> {
  try {
    return overridesOf(line);
  } catch (thrown) {
    if (thrown instanceof FatalError) {
      // Not the line of ours that is looked at: what is wrong with it is its own daemon's to say.
      return [];
    }
    throw thrown;
  }
}

function usualHost(interfaces: string, protocols: string): string {
  const [first = 'all'] = words(interfaces);
  if (first !== 'all' && first !== 'loopback-only') {
    return first.replaceAll(/^\[|\]$/gu, '');
  }
  return /all|ipv4/u.test(protocols) ? '127.0.0.1' : '::1';
}

function portOf(service: string): number | undefined {
  if (/^[0-9]+$/u.test(service)) {
    return Number(service);
  }
  const known = existsSync('/etc/services') ? readFileSync('/etc/services', 'utf8') : '';
  const found = [...known.matchAll(/^([\w-]+)\s+([0-9]+)\/tcp\b([^#\n]*)/gmu)].find(
    ([, name, , aliases]) => name === service || words(aliases!).includes(service),
  );
  return found === undefined ? usualPorts.get(service) : Number(found[2]);
}
