/** What gives a parameter of the fleet that which it lacks, as config/fleet-settings.ts says it. */
import { firstHost, secretCopied } from './fleet.ts';

const secretFile = '/etc/postfix/tlsmgr-fleet-secret';

/**
 * @param faulty the parameters that have a fault of their own.
 * @returns undefined for any other fault.
 */
export function fleetFaultRemedy(message: string, faulty: readonly string[]): string | undefined {
  const lack = /^tlsmgr_\w+ = .* needs (\w+)/u.exec(message)?.[1];
  if (lack !== undefined && faulty.includes(lack)) {
    return `# ends with the fault in ${lack}: mend that one`;
  }
  switch (lack) {
    case 'tlsmgr_fleet_secret_file':
      return `${secretCopied(secretFile)} && postconf tlsmgr_fleet_secret_file=${secretFile} && postfix reload  # ${firstHost(secretFile)}`;
    case 'tlsmgr_fleet_engine':
      return 'postconf tlsmgr_fleet_engine=redis:/etc/postfix/tlsmgr-fleet.cf && postfix reload  # that file says how the engine is reached';
    case 'smtpd_tls_session_cache_timeout':
      return 'postconf smtpd_tls_session_cache_timeout=3600s && postfix reload  # on all hosts of the fleet';
    default:
      return undefined;
  }
}
