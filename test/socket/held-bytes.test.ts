/** What connections together hold of half requests and unread replies. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RequestType } from '../../src/requests/request-type.ts';
import { list } from './harness.ts';
import { ScriptedTransport, serviceOfTypes } from './scripted-transport.ts';

const limitBytes = 64 * 1024 * 1024;
const megabyte = 1024 * 1024;

function setUp() {
  const warnings: string[] = [];
  const long: RequestType = {
    name: 'long',
    attributes: [],
    reply: [],
    handle(_args, reply) {
      reply.string(Buffer.from('text\0'), 'x'.repeat(300_000));
      reply.end();
      return 0;
    },
  };
  const service = serviceOfTypes([long], { warn: (_kind, text) => void warnings.push(text()) });
  const connect = (): ScriptedTransport => new ScriptedTransport(service);
  return { service, warnings, connect };
}

describe('all connections together', () => {
  test('hold half requests up to a bound: the oldest go, others are served', () => {
    const { service, warnings, connect } = setUp();
    const piece = 'x'.repeat(megabyte / 8);
    const halves = Array.from({ length: 100 }, connect);
    for (const half of halves) {
      for (let pieces = 0; pieces < 7; pieces += 1) {
        half.receive(piece);
      }
      assert.ok(service.heldBytes <= limitBytes, `hold ${service.heldBytes} bytes`);
    }
    const gone = halves.filter(({ destroyed }) => destroyed).length;
    assert.ok(gone > 20 && gone < 60, `${gone} of 100 are gone`);
    assert.ok(
      halves.slice(0, gone).every(({ destroyed }) => destroyed),
      'not the oldest',
    );
    assert.equal(service.counts.open, 100 - gone);
    assert.equal(service.counts.sizeLimitHits, gone);
    assert.match(
      warnings[0]!,
      /^half requests and unread replies of tlsmgr socket take more than/u,
    );
    const client = connect();
    client.receive('request\0see');
    client.receive('d\0size\x004\0\0');
    assert.match(client.sent, /^status\0/u);
    for (const { connection } of [...halves, client]) {
      connection.closed();
    }
    assert.equal(service.heldBytes, 0);
  });

  test('hold unread replies up to the same bound, of one client no more than a batch', () => {
    const { service, connect } = setUp();
    const deaf = Array.from({ length: 300 }, connect);
    for (const client of deaf) {
      client.takesWrites = false;
      client.receive(list('request', 'long').repeat(20));
      assert.ok(client.sent.length < 400_000, `${client.sent.length} bytes for one client`);
      assert.ok(service.heldBytes <= limitBytes, `hold ${service.heldBytes} bytes`);
    }
    assert.ok(deaf[0]!.destroyed);
    assert.equal(deaf.at(-1)!.destroyed, false);
  });

  test('a client that reads slowly, but reads, is not the oldest', () => {
    const { connect } = setUp();
    const slow = connect();
    slow.takesWrites = false;
    slow.receive(list('request', 'long').repeat(20));
    const deaf = Array.from({ length: 150 }, connect);
    for (const [index, client] of deaf.entries()) {
      client.takesWrites = false;
      client.receive(list('request', 'long').repeat(20));
      if (index % 20 === 0 && slow.connection.state === 'sending') {
        slow.drained();
      }
    }
    assert.ok(deaf[0]!.destroyed);
    assert.equal(slow.destroyed, false);
  });
});
