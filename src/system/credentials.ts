/**
 * The calls that change the rights of this process: its ids, its groups and its
 * capabilities. All are bound when this module is loaded, like those of calls.ts.
 *
 * Node's own calls for ids fail if Node uses the system's libuv, as in Debian 13.
 * Node can't tell then whether libuv uses io_uring, whose thread would keep root's
 * rights. The launcher switches io_uring off, and the C library changes the ids of
 * every thread.
 */
import { bind, check } from './calls.ts';

const native = {
  capset: bind<(header: Buffer, sets: Buffer) => number>(
    'int capset(void *header, const void *sets)',
  ),
  initgroups: bind<(user: string, group: number) => number>(
    'int initgroups(const char *user, unsigned int group)',
  ),
  prctl: bind<(option: number, a: number, b: number, c: number, d: number) => number>(
    'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
  ),
  setegid: bind<(id: number) => number>('int setegid(unsigned int id)'),
  seteuid: bind<(id: number) => number>('int seteuid(unsigned int id)'),
  setgid: bind<(id: number) => number>('int setgid(unsigned int id)'),
  setgroups: bind<(count: number, list: Uint32Array) => number>(
    'int setgroups(size_t count, const void *list)',
  ),
  setuid: bind<(id: number) => number>('int setuid(unsigned int id)'),
} as const;

const PR_SET_KEEPCAPS = 8;
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const CAP_NET_BIND_SERVICE = 10;

/** Sets one id, in every thread. Throws SystemCallError. */
export function setId(call: 'setegid' | 'seteuid' | 'setgid' | 'setuid', id: number): void {
  check(call, native[call](id));
}

/** setgroups(2) for one group, in every thread. */
export function setOnlyGroup(group: number): void {
  check('setgroups', native.setgroups(1, Uint32Array.of(group)));
}

/** initgroups(3): the groups of a user, and one more. */
export function setGroupsOf(user: string, group: number): void {
  check('initgroups', native.initgroups(user, group));
}

/**
 * Makes this thread keep root's capabilities at the next setuid(2). Call
 * limitCapabilities() after that. @returns whether the system can do this.
 */
export function keepCapabilities(): boolean {
  return native.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) === 0;
}

/**
 * Takes all capabilities from this thread. If asked to, it leaves the one for ports
 * below 1024, provided that root had it. capset(2).
 */
export function limitCapabilities(to: 'low-ports' | 'none'): void {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3, 0);
  // Two sets of effective, permitted and inheritable, with 32 capabilities each.
  const sets = Buffer.alloc(24);
  if (to === 'low-ports') {
    sets.writeUInt32LE(1 << CAP_NET_BIND_SERVICE, 0);
    sets.writeUInt32LE(1 << CAP_NET_BIND_SERVICE, 4);
    if (native.capset(header, sets) === 0) {
      return;
    }
    sets.fill(0);
  }
  check('capset', native.capset(header, sets));
}
