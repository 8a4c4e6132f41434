/**
 * The descriptors that master(8) hands over. Source: src/master/master_proto.h.
 *
 *     3, 4  ends of the flow-control pipe, shared by all of Postfix: never touched
 *     5     status channel: messages out, end-of-file when master lets go of us
 *     6 ... listening sockets
 */
import { fstatSync } from 'node:fs';
import { FatalError } from '../errors.ts';
import { setCloseOnExec } from '../system/calls.ts';

export const statusDescriptor = 5;
export const firstListener = 6;
const firstInherited = 3;

/** Throws FatalError unless the status channel and the listeners are there. */
export function checkDescriptors(listeners: number): void {
  requireSocket(statusDescriptor, 'status channel of master(8)');
  for (let index = 0; index < listeners; index += 1) {
    requireSocket(firstListener + index, 'listening socket');
  }
}

/** Keeps all of them from programs that this process might start. */
export function closeInheritedOnExec(listeners: number): void {
  for (let fd = firstInherited; fd < firstListener + listeners; fd += 1) {
    setCloseOnExec(fd);
  }
}

/** Whether a descriptor is open, and a socket. */
export function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    // Not open.
    return false;
  }
}

function requireSocket(fd: number, what: string): void {
  if (!isSocket(fd)) {
    throw new FatalError(`descriptor ${fd} is not the ${what}: was this started by master(8)?`);
  }
}
