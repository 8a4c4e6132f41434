/** What mends what the running daemon says of its fleet. */
import type { Config } from '../../config/config.ts';
import type { Problem, Report } from '../../report/report.ts';
import { engineAccess, pingRemedy, redisCli } from '../findings/redis-cli.ts';
import { shellWord } from '../findings/shell-word.ts';

const parameterName = /\b(?:smtpd?|lmtp|tls|tlsmgr)_\w+/u;

/** @param config of main.cf, which tells how this host signs in to the engine. */
export function fleetRemedy(
  { name, text }: Problem,
  { fleet }: Partial<Report>,
  config: Config | undefined,
): string {
  const { server, reason = '' } = fleet?.engine ?? {};
  const access = engineAccess(config);
  const ask = server === undefined ? 'postconf tlsmgr_fleet_engine' : redisCli(server, access);
  switch (name) {
    case 'engine-away':
      return server === undefined
        ? `${ask}  # whether the server that its file names runs, and can be reached from here`
        : pingRemedy(server, access, reason);
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
      return differenceRemedy(text, config);
  }
}

function differenceRemedy(text: string, config: Config | undefined): string {
  const parameter = parameterName.exec(text)?.[0];
  const secretFile = config?.fleet.secretFile ?? '';
  if (parameter === 'tlsmgr_fleet_secret_file' && secretFile !== '') {
    const word = shellWord(secretFile);
    return `sha256sum ${word}  # run it on each host: where it differs, put the file of another host there (scp -p OTHERHOST:${word} ${word}), then postfix reload`;
  }
  if (parameter !== undefined) {
    return `postconf ${parameter}  # give all hosts of the fleet the same, then postfix reload there`;
  }
  return text.includes('smtpd services')
    ? 'postconf -M  # the services that run smtpd: give them the same names on all hosts, then postfix reload'
    : '# it ends by itself once all hosts have the same version';
}
