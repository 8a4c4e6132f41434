/** What each event does to a connection in each of its states. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RequestType, writeRefusal } from '../../src/requests/request-type.ts';
import type { ConnectionState } from '../../src/socket/connection-state.ts';
import type { SocketServer } from '../../src/socket/socket-server.ts';
import { list } from './harness.ts';
import { nextTurn, ScriptedTransport, serviceOfTypes } from './scripted-transport.ts';

const asked = list('request', 'now');
const answer = list('status', '0');
const half = 'request\0no';
const longHalf = `request\0now\0more\0${'x'.repeat(16 * 1024)}`;

interface Stage {
  service: SocketServer;
  transport: ScriptedTransport;
  warnings: string[];
  release: () => void;
}

function stage(): Stage {
  const warnings: string[] = [];
  const now: RequestType = {
    name: 'now',
    attributes: [],
    reply: [],
    handle: (_args, reply) => writeRefusal(now, 0, reply),
  };
  const later: RequestType = {
    ...now,
    name: 'later',
    handle: () =>
      new Promise((resolve) => {
        made.release = () => resolve((reply) => writeRefusal(later, 0, reply));
      }),
  };
  const costly: RequestType = { ...now, name: 'costly', costly: true };
  const service = serviceOfTypes([now, later, costly], {
    warn: (_kind, text) => void warnings.push(text()),
  });
  const transport = new ScriptedTransport(service);
  const made: Stage = { service, transport, warnings, release: () => {} };
  return made;
}

/** Brings a connection into each state. */
const reach: Record<ConnectionState, (made: Stage) => void> = {
  serving: () => {},
  queued: ({ transport }) => transport.receive(list('request', 'costly') + asked),
  paced: ({ transport }) => transport.receive(longHalf),
  waiting: ({ transport }) => transport.receive(list('request', 'later') + asked),
  sending: ({ transport }) => {
    transport.takesWrites = false;
    transport.receive(asked);
    transport.takesWrites = true;
  },
  closing: ({ transport }) => {
    transport.takesWrites = false;
    transport.receive(`${asked}W\0`);
  },
  closed: ({ transport }) => transport.connection.closed(),
};

const events: Record<string, (made: Stage) => void | Promise<void>> = {
  'more is received': ({ transport }) => transport.receive(asked),
  'half a request': ({ transport }) => transport.receive(half),
  "master's wake-up": ({ transport }) => transport.receive('W\0'),
  'end of file': ({ transport }) => transport.connection.receivedEnd(),
  drained: ({ transport }) => transport.drained(),
  'its turn': () => nextTurn(),
  'the late answer': async ({ release }) => {
    release();
    await nextTurn();
    await nextTurn();
  },
  'the time limit': ({ transport }) => transport.connection.giveUp(),
  'room is needed': ({ transport }) => transport.connection.makeRoom(),
  'the transport closes': ({ transport }) => transport.connection.closed(),
};

/** The state after each event; what isn't named leaves it as it is. */
const after: Record<ConnectionState, Partial<Record<string, ConnectionState>>> = {
  serving: {
    "master's wake-up": 'closing',
    'end of file': 'closing',
    'the time limit': 'closed',
    'room is needed': 'closed',
    'the transport closes': 'closed',
  },
  queued: {
    'its turn': 'serving',
    'the late answer': 'serving',
    'the time limit': 'closed',
    'room is needed': 'closed',
    'the transport closes': 'closed',
  },
  paced: {
    'its turn': 'serving',
    'the late answer': 'serving',
    'the time limit': 'closed',
    'room is needed': 'closed',
    'the transport closes': 'closed',
  },
  waiting: {
    'the late answer': 'serving',
    'the time limit': 'closed',
    'room is needed': 'closed',
    'the transport closes': 'closed',
  },
  sending: {
    drained: 'serving',
    'the time limit': 'closed',
    'room is needed': 'closed',
    'the transport closes': 'closed',
  },
  closing: {
    'the time limit': 'closed',
    'room is needed': 'closed',
    'the transport closes': 'closed',
  },
  closed: {},
};

describe('a connection', () => {
  for (const from of Object.keys(reach) as ConnectionState[]) {
    for (const [event, happen] of Object.entries(events)) {
      const to = after[from][event] ?? from;
      test(`${from}, ${event}: ${to}`, async () => {
        const made = stage();
        const { service, transport } = made;
        reach[from](made);
        assert.equal(transport.connection.state, from);
        await happen(made);
        assert.equal(transport.connection.state, to);
        // What follows from a state, whatever led to it.
        if (to !== 'closed') {
          assert.equal(transport.paused, to !== 'serving', 'reads in the wrong state');
        }
        assert.equal(service.counts.open, to === 'closed' ? 0 : 1);
        assert.equal(transport.ended, to === 'closing' || (from === 'closing' && transport.ended));
        if (to === 'closed') {
          assert.equal(service.heldBytes, 0);
          assert.equal(service.turns.waiting, 0);
        }
        assert.deepEqual(
          made.warnings.filter((text) => text.includes('fault')),
          [],
        );
      });
    }
  }

  test('answers all that was asked before and after it was held up', async () => {
    const made = stage();
    const { transport } = made;
    transport.takesWrites = false;
    transport.receive(asked + list('request', 'later') + asked + list('request', 'costly') + asked);
    assert.equal(transport.connection.state, 'sending');
    made.release();
    await nextTurn();
    assert.equal(transport.connection.state, 'sending', 'a late answer overtakes one before it');
    transport.connection.receivedEnd();
    for (let wait = 0; wait < 20 && !transport.ended; wait += 1) {
      transport.drained();
      await nextTurn();
    }
    assert.equal(transport.sent, answer.repeat(5));
    assert.equal(transport.connection.state, 'closing');
  });

  test('what wakes us up without reading its replies is given up at the time limit', () => {
    const made = stage();
    const { service, transport, warnings } = made;
    reach.closing(made);
    service.change({
      announce: false,
      maxRequestBytes: 1000,
      requestTimeSeconds: 0,
      connectionLimit: 1,
    });
    service.sweep();
    assert.equal(transport.destroyed, true);
    assert.equal(service.counts.open, 0);
    assert.match(warnings.join('\n'), /^client does not read its replies/u);
  });

  test('what wakes us up without reading its replies makes room for others', () => {
    const made = stage();
    const { service, transport } = made;
    reach.closing(made);
    service.change({
      announce: false,
      maxRequestBytes: 1000,
      requestTimeSeconds: 60,
      connectionLimit: 1,
    });
    const other = new ScriptedTransport(service);
    assert.equal(transport.destroyed, true);
    assert.equal(service.counts.open, 1);
    other.connection.closed();
  });
});
