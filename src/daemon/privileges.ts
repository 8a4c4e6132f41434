/**
 * Changes the rights of the process step by step. Root opens the entropy source.
 * Files that are written are opened with mail_owner's effective ids. Then root's
 * rights are given up for good. Source: src/util/set_eugid.c, chroot_uid.c.
 */
import { fstat } from 'node:fs';
import { FatalError } from '../errors.ts';
import type { MailOwner } from '../config/config.ts';
import { chroot, reasonOf } from '../system/calls.ts';
import {
  keepCapabilities,
  limitCapabilities,
  setGroupsOf,
  setId,
  setOnlyGroup,
} from '../system/credentials.ts';

/** Runs `open` with mail_owner's effective ids, when this process is root's. */
export function asMailOwner<T>(owner: MailOwner, open: () => T): T {
  if (process.geteuid!() !== 0) {
    return open();
  }
  attempt(`setegid(${owner.gid})`, () => setId('setegid', owner.gid));
  attempt(`setgroups(1, &${owner.gid})`, () => setOnlyGroup(owner.gid));
  attempt(`seteuid(${owner.uid})`, () => setId('seteuid', owner.uid));
  try {
    return open();
  } finally {
    attempt('seteuid(0)', () => setId('seteuid', 0));
    attempt('setegid(0)', () => setId('setegid', 0));
    attempt('setgroups(1, &0)', () => setOnlyGroup(0));
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
    attempt(`setgid(${owner.gid})`, () => setId('setgid', owner.gid));
    attempt('initgroups', () => setGroupsOf(owner.name, owner.gid));
  }
  if (chrootDirectory !== undefined) {
    attempt(`chroot(${chrootDirectory})`, () => chroot(chrootDirectory));
    attempt('chdir(/)', () => process.chdir('/'));
  }
  if (dropRoot) {
    lowPortsKept = keepLowPorts && keepCapabilities();
    attempt(`setuid(${owner.uid})`, () => setId('setuid', owner.uid));
    if (lowPortsKept) {
      attempt('capset', () => limitCapabilities('low-ports'));
    }
  }
}

/**
 * Starts the threads that libuv has for files. Call it before keepLowPorts is used: a
 * thread that is started later inherits that right, and nobody takes it back.
 */
export function startThreads(): Promise<void> {
  return new Promise((resolve) => {
    fstat(0, () => resolve());
  });
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
