/** What a remedy has to be: commands that a shell takes as they stand, and prose behind a `#` alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const programs = new Set([
  'apparmor_parser',
  'cat',
  'chmod',
  'chown',
  'df',
  'grep',
  'hostname',
  'install',
  'ls',
  'mkdir',
  'mknod',
  'mv',
  'openssl',
  'postconf',
  'postfix',
  'redis-cli',
  'rm',
  'scp',
  'sed',
  'set',
  'sha256sum',
  'systemctl',
  'timedatectl',
  'tlsmgr',
  'umask',
]);

const known = new Set<string>();

export function requirePasteable(remedy: string): void {
  if (known.has(remedy)) {
    return;
  }
  const { status, stderr } = spawnSync('bash', ['-n', '-c', remedy], { encoding: 'utf8' });
  assert.equal(status, 0, `${remedy}: ${stderr}`);
  for (const command of commandsIn(remedy)) {
    const word = command.replace(/^(?:[A-Z_]+=\S* )*/u, '').split(' ')[0]!;
    assert.ok(programs.has(word), `"${word}" is no program: ${remedy}`);
  }
  assert.notEqual(remedy.trim(), '');
  known.add(remedy);
}

function commandsIn(remedy: string): string[] {
  return remedy
    .replaceAll(/"\$\(cat (?:[^'\s)]|'(?:[^'\\]|\\.)*')+\)"/gu, 'quoted')
    .replaceAll(/\$?'(?:[^'\\]|\\.)*'/gu, 'quoted')
    .replace(/(?:^| )#.*$/su, '')
    .split(/;|&&|\|\||[()]/u)
    .map((text) => text.trim())
    .filter((text) => text !== '');
}
