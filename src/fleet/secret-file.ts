/**
 * The file of the fleet's secrets, tlsmgr_fleet_secret_file. It has lines:
 *
 *     file   = *note 1*3( secret *note )
 *     secret = [ blanks ] 64 hexadecimal digits [ blanks ] [ "#" text ]
 *     note   = [ blanks ] [ "#" text ]
 *
 * The first secret seals, and all of them open. Who may read the file may open all
 * that the fleet shares. So the file must be of root or of its reader, and its
 * group and others must have no right to it.
 *
 * `tlsmgr fleet-secret` marks each secret with a note before it, to know later how
 * far a replacement is (secret-rotation.ts):
 *
 *     mark   = "# " ( "current" / "new" / "old" ) " secret" [ ", made " time ]
 *     step   = "# " time ": " text, what the last step of a replacement has done
 *     time   = for example 2026-11-26T23:10Z
 *
 * No string is made of a secret.
 */
import { FatalError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';
import { bytesOfHex } from '../system/hex.ts';
import { type KeyFile, longestKeyFileBytes, readKeyFile } from '../system/key-file.ts';
import { wipe } from '../system/secret-memory.ts';

export const fleetSecretBytes = 32;
export const mostFleetSecrets = 3;

const roles = ['current', 'new', 'old'] as const;

export type SecretRole = (typeof roles)[number];

/** What a note says of the secret after it. */
export interface SecretMark {
  readonly role: SecretRole;
  /** Empty: not told. */
  readonly made: string;
}

export interface FleetSecret {
  /** In memory of their own. */
  readonly bytes: Buffer;
  readonly mark: SecretMark | undefined;
}

export interface FleetSecretFile {
  readonly secrets: readonly FleetSecret[];
  /** Of the last step; undefined: not told. */
  readonly steppedAt: Date | undefined;
  readonly uid: number;
  readonly gid: number;
}

const lineFeed = 0x0a;
const hash = 0x23;
const timeSyntax = /^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/u;
const timeBytes = 17;

/**
 * Throws FatalError with the reason. It holds nothing of the file.
 * @param reader the uid whose rights it is read with; undefined: those of the process.
 * @returns 1 to 3 secrets of 32 bytes. The caller overwrites them.
 */
export function readFleetSecrets(path: string, reader?: number): Buffer[] {
  const read = readFleetSecretFile(path, reader);
  if (typeof read === 'string') {
    throw new FatalError(`tlsmgr_fleet_secret_file = ${path}: ${read}`);
  }
  return read.secrets.map(({ bytes }) => bytes);
}

/** @returns the reason why it can't be used, in place of its secrets. */
export function readFleetSecretFile(
  path: string,
  reader = process.geteuid!(),
): FleetSecretFile | string {
  let file: KeyFile;
  try {
    file = readKeyFile(path, reader);
  } catch (thrown) {
    return reasonOf(thrown);
  }
  const { content, isOpen, uid, gid } = file;
  try {
    if (isOpen) {
      return 'the file is open to its group or to others: its mode must be 600 or less';
    }
    if (uid !== 0 && uid !== reader) {
      return `the file belongs to user ${uid}: it must be root's, or of the user who reads it`;
    }
    const secrets = parseFleetSecrets(content);
    return typeof secrets === 'string'
      ? secrets
      : { secrets, steppedAt: timeOfLastStep(content), uid, gid };
  } finally {
    wipe(content, 0, content.length);
  }
}

/** @returns the reason, in place of the secrets. */
export function parseFleetSecrets(content: Buffer): FleetSecret[] | string {
  if (content.length >= longestKeyFileBytes) {
    return `longer than ${longestKeyFileBytes - 1} bytes`;
  }
  const secrets: FleetSecret[] = [];
  const fault = secretsInto(secrets, content) ?? faultOf(secrets);
  if (fault === undefined) {
    return secrets;
  }
  for (const { bytes } of secrets) {
    wipe(bytes, 0, bytes.length);
  }
  return fault;
}

/** @returns what is wrong with a line. */
function secretsInto(secrets: FleetSecret[], content: Buffer): string | undefined {
  let mark: SecretMark | undefined;
  let number = 0;
  for (let start = 0; start < content.length; number += 1) {
    const end = indexOrEnd(content, lineFeed, start, content.length);
    const { from, to } = withoutBlanks(content, start, indexOrEnd(content, hash, start, end));
    if (from === to) {
      mark = markAt(content, start, end) ?? mark;
    } else {
      const isWhole = to - from === fleetSecretBytes * 2;
      const bytes = isWhole ? bytesOfHex(content, from, to) : undefined;
      if (bytes === undefined) {
        return `line ${number + 1} is not 64 hexadecimal digits`;
      }
      secrets.push({ bytes, mark });
      mark = undefined;
    }
    start = end + 1;
  }
  return undefined;
}

/** What is wrong with all of them together. */
function faultOf(secrets: readonly FleetSecret[]): string | undefined {
  if (secrets.length === 0) {
    return 'there is no secret in the file: tlsmgr fleet-secret makes one';
  }
  if (secrets.length > mostFleetSecrets) {
    return `more than ${mostFleetSecrets} secrets`;
  }
  const isTwice = secrets.some(({ bytes }, index) =>
    secrets.slice(index + 1).some((other) => other.bytes.equals(bytes)),
  );
  return isTwice ? 'a secret is there twice' : undefined;
}

/** The mark that a line is; undefined for any other line. */
function markAt(content: Buffer, start: number, end: number): SecretMark | undefined {
  const line = content.subarray(start, end);
  const role = roles.find((one) => startsWith(line, `# ${one} secret`));
  if (role === undefined) {
    return undefined;
  }
  const words = `# ${role} secret, made `;
  const time = startsWith(line, words)
    ? line.toString('latin1', words.length, words.length + timeBytes)
    : '';
  return { role, made: timeSyntax.test(time) ? time : '' };
}

/** A line that begins as the note of a step does; no other line is looked into. */
function timeOfLastStep(content: Buffer): Date | undefined {
  const start = '# ';
  const end = ': ';
  for (
    let at = 0;
    at < content.length;
    at = indexOrEnd(content, lineFeed, at, content.length) + 1
  ) {
    const line = content.subarray(at);
    if (startsWith(line, start) && startsWith(line.subarray(start.length + timeBytes), end)) {
      const text = line.toString('latin1', start.length, start.length + timeBytes);
      const time = new Date(timeSyntax.test(text) ? text : Number.NaN);
      if (!Number.isNaN(time.getTime())) {
        return time;
      }
    }
  }
  return undefined;
}

function startsWith(line: Buffer, words: string): boolean {
  return line.subarray(0, words.length).equals(Buffer.from(words, 'latin1'));
}

function indexOrEnd(content: Buffer, byte: number, start: number, end: number): number {
  const index = content.subarray(start, end).indexOf(byte);
  return index < 0 ? end : start + index;
}

function withoutBlanks(content: Buffer, start: number, end: number): { from: number; to: number } {
  let from = start;
  let to = end;
  while (from < to && isBlank(content[from]!)) {
    from += 1;
  }
  while (from < to && isBlank(content[to - 1]!)) {
    to -= 1;
  }
  return { from, to };
}

function isBlank(character: number): boolean {
  return character === 0x20 || character === 0x09 || character === 0x0d;
}
