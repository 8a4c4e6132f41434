/** Everything between a socket and the answers, with the real pool, caches and key ring. */
import assert from 'node:assert/strict';
import { Decoder } from '../../src/protocol/decoder.ts';
import { Pool } from '../../src/prng/pool.ts';
import { Dispatcher } from '../../src/requests/dispatcher.ts';
import { RequestCounts } from '../../src/requests/request-counts.ts';
import { requestTable } from '../../src/requests/table.ts';
import { CircularLog } from '../../src/sessions/circular-log.ts';
import { AnnouncementWatch } from '../../src/socket/announcement-watch.ts';
import { Connection } from '../../src/socket/connection.ts';
import { Service } from '../../src/socket/service.ts';
import type { Transport } from '../../src/socket/transport.ts';
import { systemClock } from '../../src/system/clock.ts';
import { KeyRing } from '../../src/tickets/key-ring.ts';
import type { Target } from '../target.ts';
import { requests, requestWords } from './requests.ts';

const maxRequestBytes = 2048;

function makeService(): { service: Service; faults: string[] } {
  const faults: string[] = [];
  const warn = (kind: string, text: () => string): void => {
    // What a message says is made here as well as in the daemon.
    const said = text();
    if (kind === 'connection fault' || kind.startsWith('failed ')) {
      faults.push(said);
    }
  };
  const pool = new Pool({ clock: systemClock });
  const cache = (): CircularLog =>
    new CircularLog(
      {
        lifetimeSeconds: 3600,
        sizeLimitBytes: 8192,
        entryLimit: 50,
        slotBytes: 4096,
        segmentBytes: 3072,
      },
      { clock: systemClock },
    );
  const caches = {
    smtpd: { label: 'smtpd', lifetimeSeconds: 3600, cache: cache() },
    smtp: { label: 'smtp', lifetimeSeconds: 3600, cache: cache() },
    lmtp: { label: 'lmtp', lifetimeSeconds: 3600, cache: undefined },
  } as const;
  const keys = new KeyRing(3600, pool, systemClock);
  const types = requestTable({ pool, caches, keys, report: () => ({ of: 'a fuzzer' }), warn });
  const service = new Service({
    dispatcher: new Dispatcher({
      types,
      serviceName: 'tlsmgr',
      warn,
      counts: new RequestCounts(types.map(({ name }) => name)),
      stirTime: () => pool.stirTime(),
    }),
    serviceName: 'tlsmgr',
    announce: false,
    maxRequestBytes,
    requestTimeSeconds: 60,
    connectionLimit: 1000,
    warn,
    announcements: new AnnouncementWatch(systemClock, () => {}),
  });
  return { service, faults };
}

const { service, faults } = makeService();

/** What a client that sends these pieces gets. */
function converse(pieces: readonly Buffer[]): Buffer {
  const sent: Buffer[] = [];
  let open = true;
  const transport: Transport = {
    write(buffer, length) {
      sent.push(Buffer.from(buffer.subarray(0, length)));
      return true;
    },
    pause() {},
    resume() {},
    end() {
      open = false;
    },
    destroy() {
      open = false;
    },
  };
  const connection = new Connection(transport, service);
  for (const piece of pieces) {
    if (open) {
      connection.received(piece, piece.length);
    }
  }
  if (open) {
    connection.receivedEnd();
  }
  connection.closed();
  return Buffer.concat(sent);
}

/** The names in each reply: its shape, whatever is random in it. */
function shapes(replies: Buffer): string[] {
  const decoder = new Decoder(1_000_000);
  decoder.push(replies);
  const found: string[] = [];
  while (decoder.next() === 'list') {
    const names = [];
    for (let index = 0; index < decoder.stringCount; index += 2) {
      names.push(decoder.text(index));
    }
    assert.equal(names[0], 'status', 'a reply without a status');
    assert.match(decoder.text(1)!, /^(?:0|4294967295|4294967294)$/u, 'an unknown status');
    found.push(names.join());
  }
  assert.equal(decoder.pendingBytes, 0, 'half a reply');
  return found;
}

/** Requests in the input, as far as the connection lives. */
function requestCount(input: Buffer): number {
  const decoder = new Decoder(maxRequestBytes);
  decoder.push(input);
  let count = 0;
  while (decoder.next() === 'list') {
    count += 1;
  }
  return count;
}

export const serviceTarget: Target = {
  name: 'service',
  promise: 'a reply for each request, in order, of the shape of that request, and no fault of ours',
  seeds: requests,
  words: requestWords,
  run(input) {
    faults.length = 0;
    const whole = shapes(converse([Buffer.from(input)]));
    const probe = Buffer.from('request\0policy\0cache_type\0smtpd\0\0', 'latin1');
    assert.deepEqual(
      shapes(converse([probe])),
      ['status,cachable,timeout'],
      'others are served no more',
    );
    assert.deepEqual(faults, [], 'a fault of ours');
    assert.ok(whole.length <= requestCount(input) + 1, 'more replies than requests');
    assert.equal(service.counts.open, 0, 'a connection that is not given up');
  },
};
