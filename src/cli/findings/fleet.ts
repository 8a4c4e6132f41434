/**
 * What hosts share: the secret of the fleet, and the file that names the engine,
 * as root would read them at start. A fault in either leaves this host alone.
 */
import type { Config } from '../../config/config.ts';
import { messageOf, TlsmgrError } from '../../errors.ts';
import { engineFault, readEngineFile } from '../../fleet/engine/engine-file.ts';
import { engineNames } from '../../fleet/engine/engine-values.ts';
import { readFleetSecretFile } from '../../fleet/secret-file.ts';
import { nearestOf } from '../nearest.ts';
import { examine } from './access.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

const nothing = ': nothing is shared with other hosts';
const noSession = ': no session is shared with other hosts';

/** Whether main.cf asks for anything that hosts share. */
export function wantsFleet({ fleet }: Config): boolean {
  return fleet.ticketKeys !== 'local' || fleet.engine !== undefined;
}

export function fleetFindings(config: Config): Finding[] {
  // Others can't read what is for root alone; check says so.
  if (!wantsFleet(config) || process.getuid?.() !== 0) {
    return [];
  }
  return [...secretFindings(config), ...engineFileFindings(config)];
}

/** A second secret would part this host from the others for good, so the copy comes first. */
export function secretCopied(path: string): string {
  const word = shellWord(path);
  return `scp -p OTHERHOST:${word} ${word}`;
}

export function firstHost(path: string): string {
  return `OTHERHOST: one that has the file; on the very first host, in the place of scp: tlsmgr fleet-secret ${shellWord(path)}`;
}

function secretFindings({ fleet: { secretFile: path } }: Config): Finding[] {
  const word = shellWord(path);
  const fault = (text: string, remedy: string): Finding[] => [
    {
      severity: 'error',
      name: 'fleet-secret-unusable',
      text: `tlsmgr_fleet_secret_file = ${path}: ${text}${nothing}`,
      remedy,
    },
  ];
  const found = examine(path);
  if (found === undefined) {
    return fault(
      'No such file or directory',
      `${secretCopied(path)} && postfix reload  # ${firstHost(path)}`,
    );
  }
  if (found.isFile() && (found.uid !== 0 || (found.mode & 0o077) !== 0)) {
    return [
      {
        severity: 'error',
        name: 'fleet-secret-open',
        text: `tlsmgr_fleet_secret_file = ${path}: ${
          found.uid === 0
            ? 'the file is open to its group or to others'
            : `the file belongs to user ${found.uid}, not to root`
        }${nothing}`,
        remedy: `chown root ${word} && chmod 600 ${word} && postfix reload  # and replace the secret, if others may have read it: tlsmgr fleet-secret ${word} --rotate`,
      },
    ];
  }
  const secrets = readFleetSecretFile(path);
  if (typeof secrets === 'string') {
    return fault(
      secrets,
      `ls -l ${word}  # it has one to three lines of 64 hex digits: put the copy of another host there, then postfix reload`,
    );
  }
  for (const { bytes } of secrets.secrets) {
    bytes.fill(0);
  }
  return [];
}

function engineFileFindings({ fleet: { engine, ticketKeys } }: Config): Finding[] {
  if (engine === undefined) {
    return [];
  }
  const { type, file } = engine;
  const name = `${type}:${file}`;
  try {
    readEngineFile(file);
    return [];
  } catch (thrown) {
    requireOurs(thrown);
    const fault = engineFault(name, messageOf(thrown));
    return [
      {
        severity: 'error',
        name: 'fleet-engine-unusable',
        text: `tlsmgr_fleet_engine = ${name}${fault}${ticketKeys.includes('derived') ? noSession : nothing}`,
        remedy: engineFileRemedy(file, fault),
      },
    ];
  }
}

/** @param fault what is wrong with the file, or with one that it names. */
function engineFileRemedy(file: string, fault: string): string {
  const word = shellWord(file);
  if (examine(file)?.isFile() !== true) {
    return `ls -l ${word}  # write it, as docs/fleet.md shows, or correct tlsmgr_fleet_engine, then postfix reload`;
  }
  const named = /^: (\/.*?): (file (?:is open|belongs) )?/u.exec(fault);
  if (named === null) {
    const unknown = /^: unknown name: (\S+)$/u.exec(fault)?.[1] ?? '';
    const meant = unknown === '' ? undefined : nearestOf(unknown, engineNames);
    const hint = meant === undefined ? '' : ` (${meant} was meant?)`;
    return `cat ${word}  # correct that line${hint}, then postfix reload; docs/fleet.md lists what the file may have`;
  }
  const other = shellWord(named[1]!);
  return named[2] === undefined
    ? `ls -l ${other}  # ${file} names it: correct it, or its name there, then postfix reload`
    : `chown root ${other} && chmod 600 ${other} && postfix reload  # and replace what it holds, if others may have read it`;
}

function requireOurs(thrown: unknown): void {
  if (!(thrown instanceof TlsmgrError)) {
    throw thrown;
  }
}
