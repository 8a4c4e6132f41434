/**
 * The users and groups that main.cf names, checked as every Postfix program
 * checks them. Throws FatalError with Postfix's texts. Follows
 * src/global/mail_params.c (check_mail_owner, check_sgid_group,
 * check_default_privs, check_overlap).
 *
 * Names come from /etc/passwd and /etc/group; what isn't there is asked of
 * getent(1), which knows the other sources of the host.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { FatalError } from '../errors.ts';
import type { MailOwner } from './config.ts';

const getent = '/usr/bin/getent';

interface Group {
  name: string;
  gid: number;
}

/** @param prefix of each message: `file /x/main.cf: `. */
export function checkIdentities(
  names: { mailOwner: string; setgidGroup: string; defaultPrivs: string },
  prefix: string,
): MailOwner {
  const privs = unprivilegedUser('default_privs', names.defaultPrivs, prefix);
  const owner = unprivilegedUser('mail_owner', names.mailOwner, prefix);
  const ownerOfUid = userByUid(owner.uid);
  if (ownerOfUid !== undefined && ownerOfUid.name !== owner.name) {
    throw new FatalError(
      `${prefix}parameter mail_owner: user ${owner.name} has same user ID as ${ownerOfUid.name}`,
    );
  }
  const group = setgidGroup(names.setgidGroup, prefix);
  refuseOverlap(privs, owner, group, prefix);
  return owner;
}

function unprivilegedUser(parameter: string, name: string, prefix: string): MailOwner {
  const user = userByName(name);
  if (user === undefined) {
    throw new FatalError(`${prefix}parameter ${parameter}: unknown user name value: ${name}`);
  }
  if (user.uid === 0) {
    throw new FatalError(`${prefix}parameter ${parameter}: user ${name} has privileged user ID`);
  }
  if (user.gid === 0) {
    throw new FatalError(`${prefix}parameter ${parameter}: user ${name} has privileged group ID`);
  }
  return user;
}

function setgidGroup(name: string, prefix: string): Group {
  const group = groupByName(name);
  if (group === undefined) {
    throw new FatalError(`${prefix}parameter setgid_group: unknown group name: ${name}`);
  }
  if (group.gid === 0) {
    throw new FatalError(`${prefix}parameter setgid_group: group ${name} has privileged group ID`);
  }
  const groupOfGid = groupByGid(group.gid);
  if (groupOfGid !== undefined && groupOfGid.name !== name) {
    throw new FatalError(
      `${prefix}parameter setgid_group: group ${name} has same group ID as ${groupOfGid.name}`,
    );
  }
  return group;
}

function refuseOverlap(privs: MailOwner, owner: MailOwner, group: Group, prefix: string): void {
  if (privs.name === owner.name) {
    throw new FatalError(
      `${prefix}parameters default_privs and mail_owner specify the same user ${owner.name}`,
    );
  }
  for (const [kind, one, other] of [
    ['user', privs.uid, owner.uid],
    ['group', privs.gid, owner.gid],
  ] as const) {
    if (one === other) {
      throw new FatalError(
        `${prefix}parameters default_privs and mail_owner: users ${privs.name} and ${owner.name} have the same ${kind} ID: ${one}`,
      );
    }
  }
  for (const [parameter, user] of [
    ['default_privs', privs],
    ['mail_owner', owner],
  ] as const) {
    if (user.gid === group.gid) {
      throw new FatalError(
        `${prefix}parameters ${parameter} and setgid_group: user ${user.name} and group ${group.name} have the same group ID: ${group.gid}`,
      );
    }
  }
}

const userByName = (name: string): MailOwner | undefined =>
  asUser(entry('/etc/passwd', 'passwd', 0, name));

const userByUid = (uid: number): MailOwner | undefined =>
  asUser(entry('/etc/passwd', 'passwd', 2, String(uid)));

const groupByName = (name: string): Group | undefined =>
  asGroup(entry('/etc/group', 'group', 0, name));

const groupByGid = (gid: number): Group | undefined =>
  asGroup(entry('/etc/group', 'group', 2, String(gid)));

function asUser(fields: string[] | undefined): MailOwner | undefined {
  return fields && { name: fields[0]!, uid: Number(fields[2]), gid: Number(fields[3]) };
}

function asGroup(fields: string[] | undefined): Group | undefined {
  return fields && { name: fields[0]!, gid: Number(fields[2]) };
}

/** The fields of the first line whose field `index` is `value`. */
function entry(path: string, database: string, index: number, value: string): string[] | undefined {
  const found = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[index] === value && fields.length > 2);
  return found ?? askGetent(database, index, value);
}

/** getent(1) takes a name and a number alike: the entry must be the one asked for. */
function askGetent(database: string, index: number, value: string): string[] | undefined {
  if (value === '' || value.startsWith('-')) {
    return undefined;
  }
  try {
    const line = execFileSync(getent, [database, value], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const fields = line.trimEnd().split(':');
    return fields[index] === value ? fields : undefined;
  } catch {
    // Exit status 2: no such entry. No getent: no other source to ask.
    return undefined;
  }
}
