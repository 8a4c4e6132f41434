/**
 * Tells who serves, by the first thing that is asked on a connection: `policy`
 * twice in one write, and `seed` when the first reply is there.
 *
 * - This tlsmgr answers all three, in order.
 * - Postfix's own answers the first of what it reads at once and throws the rest
 *   away. So its second reply is that to `seed`.
 * - Who answers otherwise is no tlsmgr.
 *
 * No time is waited for, and nobody logs a warning: all three are requests that
 * Postfix's programs send. As `seed` isn't the first, the daemon doesn't take
 * this client for one that the announcement has misled.
 */
import { Encoder, encodedName } from '../protocol/encoder.ts';
import { requestName, status } from '../protocol/names.ts';
import type { Reply } from './reply.ts';

/** Who serves. */
export interface Identity {
  /** This tlsmgr, or Postfix's own. */
  server: 'tlsmgr' | 'postfix';
  /** Whether it gave a seed when it was asked for one. */
  givesSeeds: boolean;
}

export const stranger = "what answers is neither this tlsmgr nor Postfix's own";

/** What to do after a reply. */
export type Next = { send: Buffer } | { identity: Identity } | 'wait' | 'stranger';

export class Identification {
  #policies = 0;

  /** What to send first. */
  static get opening(): Buffer {
    return openingBytes;
  }

  next(reply: Reply): Next {
    const names = reply.names.join(' ');
    if (names === 'status cachable timeout' && this.#policies < 2) {
      this.#policies += 1;
      const isPolicy = ['0', '1'].includes(reply.text('cachable')) && isNumber(reply, 'timeout');
      return isPolicy ? (this.#policies === 1 ? { send: seedBytes } : 'wait') : 'stranger';
    }
    if (names === 'status seed' && this.#policies > 0) {
      const givesSeeds = reply.status === status.ok;
      return { identity: { server: this.#policies === 2 ? 'tlsmgr' : 'postfix', givesSeeds } };
    }
    return 'stranger';
  }
}

function isNumber(reply: Reply, name: string): boolean {
  return /^\d+$/u.test(reply.text(name));
}

function encoded(add: (list: Encoder) => void): Buffer {
  const list = new Encoder();
  add(list);
  return Buffer.from(list.buffer.subarray(0, list.length));
}

const openingBytes = encoded((list) => {
  for (let count = 0; count < 2; count += 1) {
    list.string(encodedName(requestName), 'policy');
    list.string(encodedName('cache_type'), 'smtpd');
    list.end();
  }
});

const seedBytes = encoded((list) => {
  list.string(encodedName(requestName), 'seed');
  list.number(encodedName('size'), 1);
  list.end();
});
