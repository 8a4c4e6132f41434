/** The entropy source and the exchange file. */
import { dirname, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { examine, whatForbids, whyNotWritten } from './access.ts';
import { isInMissingDataDirectory } from './directories.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

const usualSource = 'dev:/dev/urandom';
const usualExchange =
  "postconf 'tls_random_exchange_name=$data_directory/prng_exch'; postfix reload";

export function randomFindings(config: Config): Finding[] {
  return [...sourceFindings(config), ...exchangeFindings(config)];
}

function sourceFindings({ random }: Config): Finding[] {
  const { source } = random;
  const remedy =
    source === usualSource
      ? 'rm -f /dev/urandom; mknod -m 666 /dev/urandom c 1 9; postfix reload'
      : `postconf 'tls_random_source=${usualSource}'; postfix reload`;
  const finding = (name: string, text: string): Finding[] => [
    { severity: 'warning', name, text, remedy },
  ];
  if (source === '') {
    return finding(
      'source-none',
      "tls_random_source is empty: the pool has the operating system's generator alone, and says so at each start",
    );
  }
  const [, kind, path] = /^(dev:|egd:)?(.*)$/su.exec(source)!;
  const found = examine(path!);
  if (found === undefined) {
    return finding(
      'source-missing',
      `tls_random_source = ${source}: there is no ${path}: the pool serves without it, with a warning`,
    );
  }
  if (kind === 'egd:' && !found.isSocket()) {
    return finding(
      'source-kind',
      `tls_random_source = ${source}: ${path} is no socket: the pool serves without it, with a warning`,
    );
  }
  if (kind === undefined && !found.isFile() && !found.isCharacterDevice()) {
    return finding(
      'source-kind',
      `tls_random_source = ${source}: it is neither a file nor a device: the pool serves without it, with a warning`,
    );
  }
  if (kind === 'dev:' && found.isFile()) {
    return finding(
      'source-kind',
      `tls_random_source = ${source}: ${path} is a file, not a device: its end is reached soon, and what it holds is known to whoever reads it`,
    );
  }
  return [];
}

function exchangeFindings(config: Config): Finding[] {
  const { random, mailOwner, dataDirectory } = config;
  const { exchangeName } = random;
  if (exchangeName === '') {
    return [
      {
        severity: 'note',
        name: 'exchange-none',
        text: 'tls_random_exchange_name is empty: each process begins without what the one before had gathered',
        remedy: usualExchange,
      },
    ];
  }
  // The daemon runs in queue_directory.
  const path = resolve(config.queueDirectory, exchangeName);
  const folder = dirname(path);
  const foundFolder = examine(folder);
  if (foundFolder === undefined && isInMissingDataDirectory(folder, config)) {
    return [];
  }
  if (foundFolder === undefined) {
    return [
      {
        severity: 'error',
        name: 'exchange-directory-missing',
        text: `tls_random_exchange_name = ${path}: there is no directory ${folder}: the daemon can't start`,
        remedy: usualExchange,
      },
    ];
  }
  if (foundFolder.uid !== mailOwner.uid) {
    // Of data_directory itself directories.ts tells.
    return folder === resolve(dataDirectory)
      ? []
      : [
          {
            severity: 'warning',
            name: 'exchange-redirected',
            text: `tls_random_exchange_name = ${path}: ${folder} doesn't belong to mail_owner: the file goes into data_directory ${dataDirectory}, with two warnings at each start`,
            remedy: usualExchange,
          },
        ];
  }
  return exchangeFileFindings(path, config);
}

function exchangeFileFindings(path: string, { mailOwner }: Config): Finding[] {
  const found = examine(path);
  if (found === undefined) {
    return [];
  }
  const refused = whyNotWritten(path, (owner) => owner === 0);
  if (refused !== undefined) {
    // The daemon can't open a directory, and doesn't write to what else it may be.
    const effect = found.isDirectory() ? "the daemon can't start" : "the pool's state isn't saved";
    return [
      {
        severity: 'error',
        name: 'exchange-file-kind',
        text: `tls_random_exchange_name = ${path}: it ${refused}: ${effect}`,
        remedy: `ls -ld ${shellWord(path)}  # move it away, then postfix reload`,
      },
    ];
  }
  const forbidden = whatForbids(path, mailOwner, 'read') ?? whatForbids(path, mailOwner, 'write');
  if (forbidden !== undefined) {
    return [
      {
        severity: 'error',
        name: 'exchange-file-owner',
        text: `the exchange file ${path} can't be read and written by mail_owner ${mailOwner.name}: the daemon can't start`,
        remedy: `chown ${mailOwner.name} ${shellWord(path)}; chmod 600 ${shellWord(path)}; postfix reload`,
      },
    ];
  }
  return (found.mode & 0o077) === 0
    ? []
    : [
        {
          severity: 'warning',
          name: 'exchange-file-open',
          text: `the exchange file ${path} is open to its group or to others, and it holds state of the pool`,
          remedy: `chmod 600 ${shellWord(path)}`,
        },
      ];
}
