/**
 * The users and groups that main.cf names, checked as every Postfix program
 * checks them. Throws FatalError with Postfix's texts. Follows
 * src/global/mail_params.c (check_mail_owner, check_sgid_group,
 * check_default_privs, check_overlap).
 *
 * Names are looked up in /etc/passwd and /etc/group. getent(1), which knows the
 * other sources of the host, is asked for what isn't there.
 */
import { readFileSync } from 'node:fs';
import { FatalError } from '../errors.ts';
import type { MailOwner } from './config.ts';

const getent = '/usr/bin/getent';

export interface Group {
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

/** A group by its name, or by its number, which needs no name. */
export function findGroup(text: string): Group | undefined {
  const gid = /^[0-9]+$/u.test(text) ? idOf(text) : undefined;
  return groupByName(text) ?? (gid === undefined ? undefined : { name: text, gid });
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
  asUser(entry('passwd', (fields) => fields[0] === name, name));

const userByUid = (uid: number): MailOwner | undefined =>
  asUser(entry('passwd', (fields) => idOf(fields[2]) === uid, String(uid)));

const groupByName = (name: string): Group | undefined =>
  asGroup(entry('group', (fields) => fields[0] === name, name));

const groupByGid = (gid: number): Group | undefined =>
  asGroup(entry('group', (fields) => idOf(fields[2]) === gid, String(gid)));

function asUser(fields: string[] | undefined): MailOwner | undefined {
  return fields && { name: fields[0]!, uid: idOf(fields[2])!, gid: idOf(fields[3])! };
}

function asGroup(fields: string[] | undefined): Group | undefined {
  return fields && { name: fields[0]!, gid: idOf(fields[2])! };
}

type Database = 'passwd' | 'group';

/** The fields that must be numbers. */
const idFields: Readonly<Record<Database, readonly number[]>> = { passwd: [2, 3], group: [2] };

/** The fields of the first entry that `fits` accepts. getent(1) is asked for `key`. */
function entry(
  database: Database,
  fits: (fields: string[]) => boolean,
  key: string,
): string[] | undefined {
  for (const line of readFileSync(`/etc/${database}`, 'utf8').split('\n')) {
    const fields = entryFields(database, line);
    if (fields !== undefined && fits(fields)) {
      return fields;
    }
  }
  return askGetent(database, fits, key);
}

/**
 * The fields of a line, read as the C library does: leading blanks are ignored.
 * Comments, NIS lines (`+` and `-`) and lines with a malformed number are skipped.
 */
function entryFields(database: Database, line: string): string[] | undefined {
  const fields = line.replace(/^[ \t\v\f\r]+/u, '').split(':');
  const good =
    /^[^#+-]/u.test(fields[0]!) &&
    idFields[database].every((index) => idOf(fields[index]) !== undefined);
  return good ? fields : undefined;
}

/** A user's or group's number, of 32 bits; undefined for other text. */
function idOf(text: string | undefined): number | undefined {
  const id = /^[ \t\v\f\r]*\+?[0-9]+$/u.test(text ?? '') ? Number(text) : Number.NaN;
  return id < 2 ** 32 - 1 ? id : undefined;
}

/** getent(1) takes a name or a number, so its answer is checked again. */
function askGetent(
  database: Database,
  fits: (fields: string[]) => boolean,
  key: string,
): string[] | undefined {
  if (key === '' || key.startsWith('-')) {
    return undefined;
  }
  try {
    const line = process
      .getBuiltinModule('node:child_process')
      .execFileSync(getent, [database, key], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const fields = entryFields(database, line.trimEnd());
    return fields !== undefined && fits(fields) ? fields : undefined;
  } catch {
    // Exit status 2: no such entry. No getent: no other source to ask.
    return undefined;
  }
}
