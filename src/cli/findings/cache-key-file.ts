/** The file with the keys of cache files: as mail_owner would read it at start. */
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { parseKeys } from '../../sessions/file/cache-keys.ts';
import { reasonOf } from '../../system/calls.ts';
import { readKeyFile } from '../../system/key-file.ts';
import { examine, whatForbids } from './access.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

const name = 'tlsmgr_session_cache_key_file';

export function keyFileFindings(config: Config): Finding[] {
  const { cacheKeyFile: path, persistentCaches } = config;
  if (!persistentCaches) {
    return path === ''
      ? []
      : [
          {
            severity: 'note',
            name: 'key-file-unused',
            text: `${name} = ${path}: without persistent caches there is nothing to encrypt, and it isn't read`,
            remedy: 'postconf tlsmgr_session_cache_persistent=yes; postfix reload',
          },
        ];
  }
  if (path === '') {
    return [
      {
        severity: 'note',
        name: 'key-file-none',
        text: 'persistent caches without a key file: whoever reads the disk, or a backup of it, reads sessions',
        remedy: makeKeyFile(join(config.configDirectory, 'tlsmgr-cache-key'), config),
      },
    ];
  }
  return fileFindings(path, config);
}

/** Writes over no file: with the keys that are in it old cache files are read. */
function makeKeyFile(path: string, config: Config): string {
  const { mailOwner } = config;
  const word = shellWord(path);
  const set = config.cacheKeyFile === path ? '' : `postconf ${shellWord(`${name}=${path}`)} && `;
  return `(umask 077; set -C; openssl rand -hex 32 > ${word}) && chown ${mailOwner.name} ${word} && ${set}postfix reload`;
}

function fileFindings(path: string, config: Config): Finding[] {
  const { mailOwner } = config;
  const fault = (text: string, remedy: string): Finding[] => [
    {
      severity: 'error',
      name: 'key-file-unusable',
      text: `${name} = ${path}: ${text}: session caches with a file are kept in memory alone`,
      remedy,
    },
  ];
  const found = examine(path);
  if (found === undefined) {
    return fault('No such file or directory', makeKeyFile(path, config));
  }
  const forbidden = whatForbids(path, mailOwner, 'read');
  if (forbidden !== undefined) {
    return fault(
      `mail_owner ${mailOwner.name} can't read it, for ${forbidden}`,
      forbidden === path
        ? `chown ${mailOwner.name} ${shellWord(path)}; postfix reload`
        : `chmod o+x ${shellWord(forbidden)}; postfix reload`,
    );
  }
  let keys: Buffer[] | string;
  try {
    const { content } = readKeyFile(path, mailOwner.uid);
    keys = parseKeys(content);
    content.fill(0);
  } catch (thrown) {
    return fault(reasonOf(thrown), `ls -l ${shellWord(path)}  # shows what is there`);
  }
  if (typeof keys === 'string') {
    const word = shellWord(path);
    return fault(
      keys,
      `mv -n ${word} ${shellWord(`${path}.unusable`)} && ${makeKeyFile(path, config)}`,
    );
  }
  for (const key of keys) {
    key.fill(0);
  }
  return (found.mode & 0o077) === 0
    ? []
    : [
        {
          severity: 'warning',
          name: 'key-file-open',
          text: `${name} = ${path}: the file is open to its group or to others`,
          remedy: `chmod 600 ${shellWord(path)}`,
        },
      ];
}
