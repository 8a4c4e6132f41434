/**
 * AppArmor with somebody's profiles for Postfix's programs: they name what
 * master(8) may start, and know neither the launcher nor node. The profiles are
 * looked at as text, and not changed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LauncherPaths } from '../postfix/launcher.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

const switchPath = '/sys/module/apparmor/parameters/enabled';
const profilesFolder = '/etc/apparmor.d';

/** A path of Postfix's daemons, as they stand in profiles: `/usr/lib/postfix/{bin/,sbin/,}tlsmgr`. */
const ofPostfix = /\/postfix\/\S*\b(?:master|tlsmgr)\b|\/\{[^}\s]*postfix[^}\s]*\}\/tlsmgr/u;

export interface AppArmorPlaces {
  switchPath: string;
  profilesFolder: string;
}

export function appArmorFindings(
  launcher: string,
  { node, program, original }: LauncherPaths,
  queueDirectory: string,
  places: AppArmorPlaces = { switchPath, profilesFolder },
): Finding[] {
  const profiles = isOn(places.switchPath) ? profilesOfPostfix(places.profilesFolder) : [];
  if (profiles.length === 0) {
    return [];
  }
  const lines = [
    `${launcher} rix,`,
    '/{usr/,}bin/{sh,dash,bash,timeout,logger,sleep} rix,',
    `${node} rix,`,
    `${packageOf(program)}/** rm,`,
    `${original} rPx,`,
    `${queueDirectory}/pid/tlsmgr.start rw,`,
  ];
  return [
    {
      severity: 'warning',
      name: 'apparmor-profile',
      text: `AppArmor is on, and ${profiles.join(', ')} names programs of Postfix: what it doesn't name master(8) may not start`,
      remedy: `apparmor_parser -r ${profiles.map((path) => shellWord(path)).join(' ')}  # once the profile of master has: ${lines.join(' ')}`,
    },
  ];
}

/** Of dist/program/main.js. */
function packageOf(program: string): string {
  return dirname(dirname(dirname(program)));
}

function isOn(path: string): boolean {
  return textOf(path).startsWith('Y');
}

/** Files of profiles, not those of folders below: these are parts of others. */
function profilesOfPostfix(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // No profiles here.
    return [];
  }
  return names
    .map((name) => join(folder, name))
    .filter((path) => ofPostfix.test(textOf(path).replaceAll(/^\s*#.*$/gmu, '')));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not there, or not for this user.
    return '';
  }
}
