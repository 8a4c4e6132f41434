/** What mends what the running daemon says of its fleet. */
import type { Problem, Report } from '../../report/report.ts';
import { redisCli } from '../findings/redis-cli.ts';

const parameterName = /\b(?:smtpd?|lmtp|tls|tlsmgr)_\w+/u;

export function fleetRemedy({ name, text }: Problem, { fleet }: Partial<Report>): string {
  const server = fleet?.engine?.server;
  const ask = server === undefined ? 'postconf tlsmgr_fleet_engine' : redisCli(server);
  switch (name) {
    case 'engine-away':
      return server === undefined
        ? `${ask}  # whether the server that its file names runs, and can be reached from here`
        : `${ask} ping  # whether it runs, can be reached from here, and takes this password; it is tried again by itself`;
    case 'engine-paused':
      return server === undefined
        ? `${ask}  # how long the server that its file names takes; it is tried again by itself`
        : `${ask} --latency  # how long it takes, in ms; read_limit_ms in the file of tlsmgr_fleet_engine is the limit; it is tried again by itself`;
    case 'engine-refuses-writes':
      return server === undefined
        ? `${ask}  # what the server that its file names refuses; it is tried again by itself`
        : `${ask} info memory  # give it more memory, or maxmemory-policy volatile-ttl; it is tried again by itself`;
    case 'fleet-clock':
      return 'timedatectl  # whether the clock is synchronized: it has to be, here and on the engine';
    default:
      return differenceRemedy(text);
  }
}

function differenceRemedy(text: string): string {
  const parameter = parameterName.exec(text)?.[0];
  if (parameter !== undefined) {
    return `postconf ${parameter}  # give all hosts of the fleet the same, then postfix reload there`;
  }
  return text.includes('smtpd services')
    ? 'postconf -M  # the services that run smtpd: give them the same names on all hosts, then postfix reload'
    : '# it ends by itself once all hosts have the same version';
}
