/** queue_directory and data_directory: there, mail_owner's, closed to others, with room. */
import { statfsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { isEnabled } from '../../sessions/caches.ts';
import { byteCount } from '../output.ts';
import { examine } from './access.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

/** The exchange file, and two manifests for each cache, with much to spare. */
const fewestFreeBytes = 16 * 1024 * 1024;

export function directoryFindings(config: Config): Finding[] {
  const { queueDirectory } = config;
  const queue: Finding[] =
    examine(queueDirectory)?.isDirectory() === true
      ? []
      : [
          {
            severity: 'error',
            name: 'queue-directory-missing',
            text: `queue_directory ${queueDirectory} is no directory: the daemon can't start`,
            remedy: `mkdir -p ${shellWord(queueDirectory)}; postfix check`,
          },
        ];
  const data = dataFindings(config);
  const full = fullFindings(config);
  return [
    ...queue,
    ...full,
    ...data.filter(({ name }) => name !== 'disk-full' || full.length === 0),
  ];
}

/** What can't be there for want of data_directory, which is a finding of its own. */
export function isInMissingDataDirectory(path: string, { dataDirectory }: Config): boolean {
  const data = resolve(dataDirectory);
  return (path === data || path.startsWith(`${data}/`)) && examine(data) === undefined;
}

function dataFindings(config: Config): Finding[] {
  const { dataDirectory, mailOwner } = config;
  const found = examine(dataDirectory);
  if (found?.isDirectory() !== true) {
    return [
      {
        severity: 'error',
        name: 'data-directory-missing',
        text: `data_directory ${dataDirectory} is no directory: there is no place for the exchange file, and the daemon can't start`,
        remedy: `install -d -o ${mailOwner.name} -m 0700 ${shellWord(dataDirectory)}; postfix reload`,
      },
    ];
  }
  if (found.uid !== mailOwner.uid) {
    return [
      {
        severity: 'error',
        name: 'data-directory-owner',
        text: `data_directory ${dataDirectory} doesn't belong to mail_owner ${mailOwner.name}: the exchange file can't be made, and the daemon can't start`,
        remedy: `chown ${mailOwner.name} ${shellWord(dataDirectory)}; postfix reload`,
      },
    ];
  }
  const findings = roomFindings(config);
  if ((found.mode & 0o022) !== 0) {
    findings.push({
      severity: 'warning',
      name: 'data-directory-open',
      text: `data_directory ${dataDirectory} may be written by others than mail_owner: they could put files of their own in the place of the daemon's`,
      remedy: `chmod go-w ${shellWord(dataDirectory)}`,
    });
  }
  return findings;
}

/** Master(8) writes a lock file into the one and its number into the other before it starts anything. */
function fullFindings({ dataDirectory, queueDirectory }: Config): Finding[] {
  const folders = [
    ['data_directory', dataDirectory],
    ['queue_directory', queueDirectory],
  ] as const;
  return folders
    .filter(([, folder]) => examine(folder)?.isDirectory() === true && isFull(folder))
    .map(([parameter, folder]) => ({
      severity: 'error',
      name: 'disk-used-up',
      text: `there is no room left in ${parameter} ${folder}: Postfix itself can't start`,
      remedy: `df -h ${shellWord(folder)}; df -i ${shellWord(folder)}  # make room there`,
    }));
}

/** For users other than root, as mail_owner is: of blocks, or of files where they are counted. */
function isFull(folder: string): boolean {
  const { bavail, files, ffree } = statfsSync(folder);
  return bavail === 0 || (files > 0 && ffree === 0);
}

function roomFindings({ dataDirectory, persistentCaches, caches }: Config): Finding[] {
  const { bavail, bsize } = statfsSync(dataDirectory);
  const freeBytes = bavail * bsize;
  const remedy = `df -h ${shellWord(dataDirectory)}  # make room in data_directory, or move it`;
  if (freeBytes < fewestFreeBytes) {
    return [
      {
        severity: 'warning',
        name: 'disk-full',
        text: `there are ${byteCount(freeBytes)} free in data_directory ${dataDirectory}: the pool's state and cache files may not be saved`,
        remedy,
      },
    ];
  }
  if (!persistentCaches) {
    return [];
  }
  const wantedBytes = [...caches.values()]
    .filter((settings) => isEnabled(settings))
    .map(({ sizeLimitBytes }) => sizeLimitBytes)
    .reduce((sum, bytes) => sum + bytes, 0);
  return wantedBytes <= freeBytes
    ? []
    : [
        {
          severity: 'note',
          name: 'disk-small',
          text: `cache files may grow to ${byteCount(wantedBytes)}, and there are ${byteCount(freeBytes)} free in ${dataDirectory}: when it is full, caches go on in memory alone`,
          remedy: `${remedy}; or lower the ..._tls_session_cache_size_limit parameters`,
        },
      ];
}
