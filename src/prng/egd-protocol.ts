/**
 * The EGD protocol, requests of a server's client:
 *
 *     00              -> 4 bytes: bits of entropy at hand, big-endian
 *     01 nn           -> a count, and so many bytes: what is there at once
 *     02 nn           -> exactly nn bytes, when they are there
 *     03 bb bb nn ... -> nothing; nn bytes said to hold bb bb bits
 *     04              -> a count, and the server's pid in decimal
 */
export const egd = { bits: 0, readNow: 1, readAll: 2, write: 3, pid: 4 } as const;

export type EgdCommand =
  | { kind: 'bits' }
  | { kind: 'readNow'; bytes: number }
  | { kind: 'readAll'; bytes: number }
  | { kind: 'write'; data: Buffer }
  | { kind: 'pid' };

/** Takes the first command off what has come. @returns undefined while it is incomplete, null for no command. */
export function takeCommand(
  input: Buffer,
): { command: EgdCommand; length: number } | undefined | null {
  switch (input[0]) {
    case undefined:
      return undefined;
    case egd.bits:
      return { command: { kind: 'bits' }, length: 1 };
    case egd.readNow:
    case egd.readAll: {
      const bytes = input[1];
      const kind = input[0] === egd.readNow ? 'readNow' : 'readAll';
      return bytes === undefined ? undefined : { command: { kind, bytes }, length: 2 };
    }
    case egd.write: {
      const count = input[3];
      if (count === undefined || input.length < 4 + count) {
        return undefined;
      }
      return { command: { kind: 'write', data: input.subarray(4, 4 + count) }, length: 4 + count };
    }
    case egd.pid:
      return { command: { kind: 'pid' }, length: 1 };
    default:
      return null;
  }
}
