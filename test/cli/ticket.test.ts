import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { readSessionFile } from '../../src/cli/status/session-file.ts';
import { judge, type TicketSurroundings, verdictText } from '../../src/cli/status/ticket.ts';
import { TlsmgrError } from '../../src/errors.ts';
import type { SessionSummary } from '../../src/openssl/session.ts';
import { sampleFleet } from './sample-fleet.ts';

const now = 1_800_000_000;
const current = 'c'.repeat(16);
const older = '0'.repeat(16);

function daemon(changes: Partial<TicketSurroundings> = {}): TicketSurroundings {
  return {
    startedAt: new Date((now - 10_000) * 1000).toISOString(),
    caches: { smtpd: { enabled: true, lifetimeSeconds: 3600 } },
    tickets: {
      enabled: true,
      keys: [
        { fingerprint: current, ageSeconds: 100, sealsForSeconds: 1700, opensForSeconds: 3500 },
        { fingerprint: older, ageSeconds: 1900, sealsForSeconds: -100, opensForSeconds: 1700 },
      ],
    },
    ...changes,
  };
}

function session(
  ticket: Partial<NonNullable<SessionSummary['ticket']>> | undefined,
  ageSeconds = 60,
): SessionSummary {
  return {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    createdSeconds: now - ageSeconds,
    lifetimeSeconds: 7200,
    sessionId: 'ab12',
    ticket: ticket && {
      bytes: 208,
      fingerprint: '',
      keyFingerprint: current,
      lifetimeHintSeconds: 3600,
      ...ticket,
    },
    hostname: undefined,
    verifyResult: 0,
    peerCertificate: undefined,
  };
}

const notAsked = (): Promise<boolean> => assert.fail('the cache was asked');

describe('whether a ticket would resume', () => {
  const cases: [string, SessionSummary, TicketSurroundings, string, number | null][] = [
    ['of the current key', session({}), daemon(), 'current-key', 3500],
    ['of the key before', session({ keyFingerprint: older }), daemon(), 'older-key', 1700],
    ['near its end', session({}, 3590), daemon(), 'current-key', 10],
    ['past the lifetime', session({}, 3600), daemon(), 'too-old', null],
    ['past its hint', session({ lifetimeHintSeconds: 50 }), daemon(), 'too-old', null],
    ['without a hint', session({ lifetimeHintSeconds: undefined }), daemon(), 'current-key', 3500],
    ['of another host', session({ keyFingerprint: 'f' }), daemon(), 'unknown-key', null],
    ['shorter than any', session({ bytes: 64 }), daemon(), 'wrong-length', null],
    ['of no whole blocks', session({ bytes: 209 }), daemon(), 'wrong-length', null],
    [
      'where there are no tickets',
      session({}),
      daemon({ tickets: { enabled: false, keys: [] } }),
      'tickets-off',
      null,
    ],
  ];
  for (const [what, saved, surroundings, reason, goodForSeconds] of cases) {
    test(what, async () => {
      const verdict = await judge(saved, surroundings, now, notAsked);
      assert.equal(verdict.reason, reason, verdict.text);
      assert.equal(verdict.goodForSeconds, goodForSeconds);
      assert.equal(verdict.resumes, goodForSeconds !== null);
      const said = goodForSeconds === null ? 'WOULD NOT RESUME: ' : 'WOULD RESUME: ';
      assert.ok(verdictText(verdict).startsWith(said));
    });
  }

  test('made before the daemon started: it says so', async () => {
    const started = daemon({ startedAt: new Date((now - 30) * 1000).toISOString() });
    const { text } = await judge(session({ keyFingerprint: 'f' }), started, now, notAsked);
    assert.match(text, /made before this tlsmgr was started/u);
  });

  test('of keys that hosts share it says who made the key, and how', async () => {
    for (const [origin, madeBy, said, told] of [
      ['random', 'mx2', ', made by mx2 at random', ['random', 'mx2']],
      ['continued', 'mx2', ', made of an older key by mx2', ['continued', 'mx2']],
      ['derived', '', ', derived from the secret of the fleet', ['derived', null]],
      [undefined, undefined, '', [null, null]],
    ] as const) {
      const shared = daemon();
      Object.assign(shared.tickets.keys[0]!, { origin, madeBy });
      const verdict = await judge(session({}), shared, now, notAsked);
      assert.deepEqual([verdict.keyOrigin, verdict.keyMadeBy], told);
      assert.equal(verdict.text, `sealed with key ${current}${said}, which seals new ones too`);
    }
    const fleet = sampleFleet();
    const { text } = await judge(
      session({ keyFingerprint: 'f' }),
      daemon({ fleet }),
      now,
      notAsked,
    );
    assert.match(text, /a host that is not of the key set tlsmgr made it/u);
  });

  test('without a ticket the smtpd cache decides, by the id', async () => {
    for (const [held, reason] of [
      [true, 'in-cache'],
      [false, 'not-in-cache'],
    ] as const) {
      const verdict = await judge(session(undefined), daemon(), now, (id) => {
        assert.equal(id, 'ab12');
        return Promise.resolve(held);
      });
      assert.deepEqual([verdict.reason, verdict.resumes], [reason, held]);
    }
    const off = daemon({ caches: { smtpd: { enabled: false, lifetimeSeconds: 3600 } } });
    assert.equal((await judge(session(undefined), off, now, notAsked)).reason, 'not-in-cache');
    const empty = { ...session(undefined), sessionId: '' };
    assert.equal((await judge(empty, daemon(), now, notAsked)).reason, 'nothing-to-resume');
  });
});

describe('a file that is no session', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-ticket-'));
  after(() => rmSync(folder, { recursive: true }));

  function read(content: string | Uint8Array): unknown {
    const file = join(folder, 'session.pem');
    writeFileSync(file, content);
    try {
      return readSessionFile(file);
    } catch (thrown) {
      assert.ok(thrown instanceof TlsmgrError, String(thrown));
      assert.ok(thrown.message.startsWith(`${file}: not a session`), thrown.message);
      return undefined;
    }
  }

  test('is told as such, whatever is in it', () => {
    assert.equal(read(''), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.equal(read(bytes), undefined);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const body = Buffer.from(bytes).toString('base64');
        const found = read(
          `-----BEGIN SSL SESSION PARAMETERS-----\n${body}\n-----END SSL SESSION PARAMETERS-----\n`,
        );
        assert.equal(found, undefined);
      }),
    );
  });

  test('a file that is not there is named', () => {
    assert.throws(
      () => readSessionFile(join(folder, 'none')),
      /none: there is no such file: openssl s_client/u,
    );
  });
});
