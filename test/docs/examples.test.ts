/** The examples that administrators copy, as far as they can be tried here. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const examples = join(import.meta.dirname, '../../examples');

/** Why a program can't be asked, or false. */
const lacks = (program: string): string | false =>
  spawnSync(program, ['--version']).error !== undefined && `no ${program}`;

test('apparmor_parser takes the profile', { skip: lacks('apparmor_parser') }, () => {
  const words = ['--skip-kernel-load', '--skip-cache', join(examples, 'apparmor/tlsmgr')];
  const { status, stderr } = spawnSync('apparmor_parser', words, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

const enabled = '/sys/module/apparmor/parameters/enabled';
const noAppArmor =
  lacks('apparmor_parser') ||
  (!(existsSync(enabled) && readFileSync(enabled, 'latin1').startsWith('Y')) &&
    'the kernel has no AppArmor: the profile is only parsed') ||
  (process.getuid!() !== 0 && 'not root');

test('the kernel loads the profile, and unloads it', { skip: noAppArmor }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-apparmor-'));
  const path = join(folder, 'profile');
  // Under another name, and for a program that nobody has.
  const text = readFileSync(join(examples, 'apparmor/tlsmgr'), 'utf8');
  writeFileSync(path, text.replace(/^profile tlsmgr \S+/mu, 'profile tlsmgr-test /nowhere/tlsmgr'));
  for (const option of ['--replace', '--remove']) {
    const { status, stderr } = spawnSync('apparmor_parser', [option, '--skip-cache', path], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  }
  rmSync(folder, { recursive: true });
});

test('the hook of certbot reloads Postfix', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-hook-'));
  writeFileSync(join(folder, 'postfix'), '#!/bin/sh\necho "postfix $*"\n', { mode: 0o755 });
  const { stdout } = spawnSync(join(examples, 'certbot/reload-postfix'), [], {
    encoding: 'utf8',
    env: { PATH: `${folder}:/usr/bin:/bin` },
  });
  rmSync(folder, { recursive: true });
  assert.equal(stdout, 'postfix reload\n');
});

test('Ansible takes the play', { skip: lacks('ansible-playbook') }, () => {
  const words = ['-i', 'mail,', '--syntax-check', join(examples, 'ansible/tlsmgr.yml')];
  const { status, stdout, stderr } = spawnSync('ansible-playbook', words, { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});
