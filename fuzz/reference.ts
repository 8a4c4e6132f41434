/**
 * What a service must answer, said a second time and as plainly as can be: lists
 * by splitting at NULs, numbers by a pattern, caches by a Map. Nothing here is
 * shared with the daemon, so that a mistake would have to be made twice.
 *
 * The grammar is that of src/util/attr_scan0.c, the answers those of
 * docs/protocol.md.
 */
import assert from 'node:assert/strict';
import { codes, exchanges } from './shapes.ts';
import { isBase64, type Lists } from './wire.ts';

export const lifetimeSeconds = 3600;
const longestSeedBytes = 255;
const ticketKeyBytes = 88;
const keyNameBytes = 16;
const longestPage = 500;
const longestScopeBytes = 255;
const scopedKeyBytes = 88;

/** While no more than this is stored, nothing may have been evicted. */
const surelyKeptUpdates = 15;
const surelyKeptBytes = 400;

const { ok, error, fail } = codes;

const caches = new Set(['smtpd', 'smtp']);
/** lmtp's cache is off. */
const policies: Readonly<Record<string, string>> = { smtpd: '1', smtp: '1', lmtp: '0' };

/** The sessions of one conversation that begins with empty caches. */
class Sessions {
  readonly #byId = new Map<string, string>();
  #updates = 0;
  #largest = 0;

  /** Nothing can have been evicted yet. */
  get isSure(): boolean {
    return this.#updates <= surelyKeptUpdates && this.#largest <= surelyKeptBytes;
  }

  store(id: string, session: string): void {
    this.#updates += 1;
    this.#largest = Math.max(this.#largest, id.length + session.length);
    this.#byId.set(id, session);
  }

  /** In base64. */
  get(id: string): string | undefined {
    return this.#byId.get(id);
  }

  /** Known to be gone from here on. */
  drop(id: string): void {
    this.#byId.delete(id);
  }

  clear(): void {
    this.#byId.clear();
  }

  get count(): number {
    return this.#byId.size;
  }
}

/** Checks the replies to one conversation, in their order. */
export class Reference {
  readonly #sessions: Readonly<Record<string, Sessions>> = {
    smtpd: new Sessions(),
    smtp: new Sessions(),
  };

  /**
   * Throws unless the replies are those to the lists, one each, none missing.
   * @param bytes all that was received.
   * @param cutShort the last of it may be missing, as the connection was closed at once.
   */
  check(lists: Lists, bytes: Buffer, cutShort: boolean): void {
    for (const { name, given, status, values, refused } of exchanges(lists, bytes, cutShort)) {
      const due = this.#answer(name, given, status, values);
      if (due !== undefined) {
        assert.deepEqual([status, ...values], [due, ...refused], 'not the status that is due');
      }
    }
  }

  /** @returns the status of the refusal that is due; undefined when the answer has been checked. */
  #answer(
    name: string,
    given: readonly string[],
    status: string,
    values: readonly string[],
  ): string | undefined {
    const [first = '', second = '', third = ''] = given;
    if (name === 'seed') {
      const size = Number(first);
      if (size < 1 || size > longestSeedBytes) {
        return fail;
      }
      assert.equal(status, ok);
      checkData(values[0]!, size);
      return undefined;
    }
    if (name === 'policy') {
      const cachable = Object.hasOwn(policies, first) ? policies[first] : undefined;
      if (cachable === undefined) {
        return fail;
      }
      assert.deepEqual([status, ...values], [ok, cachable, String(lifetimeSeconds)]);
      return undefined;
    }
    if (name === 'tktkey') {
      return checkTicketKey(first, status, values[0]!);
    }
    if (name === 'tktring') {
      return checkTicketRing(first, status, values[0]!);
    }
    if (name === 'stats') {
      assert.equal(status, ok);
      JSON.parse(values[0]!);
      return undefined;
    }
    if (!caches.has(first)) {
      return fail;
    }
    const sessions = this.#sessions[first]!;
    switch (name) {
      case 'update':
        assert.equal(status, ok);
        sessions.store(second, third);
        return undefined;
      case 'lookup':
        return checkLookup(sessions, second, status, values[0]!);
      case 'delete':
        return checkDelete(sessions, second, status);
      case 'flush':
        checkFlush(sessions, status, values[0]!);
        return undefined;
      default:
        if (Number(third) < 1 || Number(third) > longestPage) {
          return fail;
        }
        checkPage(sessions, second, Number(third), status, values);
        return undefined;
    }
  }
}

function checkData(value: string, bytes: number): void {
  assert.ok(isBase64(value), 'no base64');
  assert.equal(Buffer.from(value, 'base64').length, bytes, 'another length');
}

/** Nobody can name a key that this process has: keys have random names. */
function checkTicketKey(name: string, status: string, value: string): string | undefined {
  const { length } = Buffer.from(name, 'base64');
  if (length === 0) {
    assert.equal(status, ok);
    checkData(value, ticketKeyBytes);
  } else if (length === keyNameBytes) {
    assert.deepEqual([status, value], [error, name], 'a key for a name that nobody gave');
  } else {
    return fail;
  }
  return undefined;
}

/** A ring that has had no time to turn has one key. */
function checkTicketRing(scope: string, status: string, value: string): string | undefined {
  if (scope.length < 1 || scope.length > longestScopeBytes) {
    return fail;
  }
  assert.equal(status, ok);
  checkData(value, scopedKeyBytes);
  return undefined;
}

function checkLookup(
  sessions: Sessions,
  id: string,
  status: string,
  value: string,
): string | undefined {
  const stored = sessions.get(id);
  if (stored === undefined || (status === error && !sessions.isSure)) {
    sessions.drop(id);
    return error;
  }
  assert.deepEqual([status, value], [ok, stored], 'not the session of that id');
  return undefined;
}

function checkDelete(sessions: Sessions, id: string, status: string): string | undefined {
  const stored = sessions.get(id) !== undefined;
  const evicted = status === error && !sessions.isSure;
  sessions.drop(id);
  return stored && !evicted ? ok : error;
}

function checkFlush(sessions: Sessions, status: string, value: string): void {
  assert.equal(status, ok);
  const dropped = Number(value);
  assert.ok(dropped <= sessions.count, 'flushes more than there was');
  assert.ok(dropped === sessions.count || !sessions.isSure, 'flushes less than there was');
  sessions.clear();
}

function checkPage(
  sessions: Sessions,
  cursor: string,
  limit: number,
  status: string,
  [entries, next]: readonly string[],
): void {
  assert.equal(status, ok);
  assert.match(next!, /^[0-9]*$/u, 'a cursor that is none');
  const listed = JSON.parse(entries!) as { id: string; bytes: number }[];
  assert.ok(listed.length <= limit, 'a longer page than was asked for');
  for (const { id, bytes } of listed) {
    const session = sessions.get(Buffer.from(id, 'base64').toString('latin1'));
    assert.ok(session !== undefined, 'lists what nobody has stored');
    assert.equal(bytes, Buffer.from(session, 'base64').length, 'lists another length');
  }
  if (cursor === '' && next === '' && sessions.isSure) {
    assert.equal(listed.length, sessions.count, 'lists less than there is');
  }
}
