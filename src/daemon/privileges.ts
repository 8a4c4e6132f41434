/**
 * Changes the rights of the process step by step. Root opens the entropy source.
 * Files that are written are opened with mail_owner's effective ids. Then root's
 * rights are given up for good. Node's calls go through the C library, which
 * applies them to every thread. Source: src/util/set_eugid.c, chroot_uid.c.
 */
import { FatalError } from '../errors.ts';
import type { MailOwner } from '../config/config.ts';
import { chroot, keepCapabilities, limitCapabilities, reasonOf } from '../system/calls.ts';

/** Missing from the declarations of Node's types. */
declare global {
  namespace NodeJS {
    interface Process {
      initgroups(user: string, extraGroup: number): void;
    }
  }
}

/** Runs `open` with mail_owner's effective ids, when this process is root's. */
export function asMailOwner<T>(owner: MailOwner, open: () => T): T {
  if (process.geteuid!() !== 0) {
    return open();
  }
  attempt(`setegid(${owner.gid})`, () => process.setegid!(owner.gid));
  attempt(`setgroups(1, &${owner.gid})`, () => process.setgroups!([owner.gid]));
  attempt(`seteuid(${owner.uid})`, () => process.seteuid!(owner.uid));
  try {
    return open();
  } finally {
    attempt('seteuid(0)', () => process.seteuid!(0));
    attempt('setegid(0)', () => process.setegid!(0));
    attempt('setgroups(1, &0)', () => process.setgroups!([0]));
  }
}

export interface PrivilegeOptions {
  owner: MailOwner;
  /** `-u`: become mail_owner for good. */
  dropRoot: boolean;
  /** `-c`: the directory to be shut into. */
  chrootDirectory: string | undefined;
  /** Whether ports below 1024 may be bound until releaseLowPorts(). */
  keepLowPorts: boolean;
}

/** Whether this thread has kept a capability of root's. */
let lowPortsKept = false;

/** Gives up what the options say, in the one order that works. */
export function dropPrivileges(options: PrivilegeOptions): void {
  const { owner, dropRoot, chrootDirectory, keepLowPorts } = options;
  if (dropRoot) {
    attempt(`setgid(${owner.gid})`, () => process.setgid!(owner.gid));
    attempt('initgroups', () => process.initgroups(owner.name, owner.gid));
  }
  if (chrootDirectory !== undefined) {
    attempt(`chroot(${chrootDirectory})`, () => chroot(chrootDirectory));
    attempt('chdir(/)', () => process.chdir('/'));
  }
  if (dropRoot) {
    lowPortsKept = keepLowPorts && keepCapabilities();
    attempt(`setuid(${owner.uid})`, () => process.setuid!(owner.uid));
    if (lowPortsKept) {
      attempt('capset', () => limitCapabilities('low-ports'));
    }
  }
}

/** Gives up the last right of root's: to bind ports below 1024. */
export function releaseLowPorts(): void {
  if (lowPortsKept) {
    lowPortsKept = false;
    limitCapabilities('none');
  }
}

function attempt(what: string, call: () => void): void {
  try {
    call();
  } catch (thrown) {
    throw new FatalError(`${what}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}
