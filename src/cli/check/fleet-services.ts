/** Names of smtpd services that keep hosts from resuming each other's sessions. */
import type { Config } from '../../config/config.ts';
import { serverCacheName } from '../../config/cache-names.ts';
import { hasAddress } from '../../fleet/smtpd-services.ts';
import type { Finding } from '../findings/finding.ts';
import { shellWord } from '../findings/shell-word.ts';
import type { MasterLine } from '../postfix/master-line.ts';

export function fleetServiceFindings(
  services: readonly MasterLine[],
  { fleet }: Config,
): Finding[] {
  const sharesIds = fleet.engine !== undefined && fleet.caches.includes(serverCacheName);
  if (fleet.ticketKeys === 'local' && !sharesIds) {
    return [];
  }
  return services
    .filter(({ command }) => /(?:^|\/)smtpd$/u.test(command))
    .filter(({ service }) => hasAddress(service))
    .map(({ service, type }) => ({
      severity: 'warning',
      name: 'fleet-service-address',
      text: `the smtpd service ${service} of master.cf has an address in its name, which session ids hold, and tickets from Postfix 3.12 on: no other host resumes its sessions`,
      remedy: `postconf -M ${shellWord(`${service}/${type}`)}  # the line: give it the same name on all hosts, such as ${service.slice(service.lastIndexOf(':') + 1)}, and the address to inet_interfaces`,
    }));
}
