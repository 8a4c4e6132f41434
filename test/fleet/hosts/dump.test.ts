/** Everything that an engine holds, searched for what nobody may read there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { poll } from '../../postfix/poll.ts';
import { patientClient } from '../../patient-client.ts';
import type { PostfixInstance } from '../../postfix/instance.ts';
import { sendMail } from '../../postfix/smtp-client.ts';
import { sent, startElsewhere, toElsewhere } from './elsewhere.ts';
import { kinds } from './handshakes.ts';
import { HostFleet, nameOf } from './host-fleet.ts';
import { elsewhereAddress } from './own-network.ts';
import { measurePairs } from './resumption.ts';
import { runsHere, skipWithoutHosts } from './where.ts';

/** A piece of a session of this length occurs elsewhere by a chance that nobody meets. */
const pieceBytes = 16;

interface KnownText {
  what: string;
  bytes: Buffer;
}

if (runsHere(import.meta.filename)) {
  describe('what the engine holds', { skip: skipWithoutHosts }, () => {
    let fleet: HostFleet;
    let elsewhere: PostfixInstance;

    before(async () => {
      elsewhere = await startElsewhere();
      fleet = await HostFleet.start({ hosts: 2, mainCf: toElsewhere });
    });
    after(async () => {
      elsewhere?.cleanup();
      await fleet?.stop();
    });

    /** What tlsmgr of a host knows and an engine must not. */
    async function knownTo(index: number): Promise<KnownText[]> {
      const client = patientClient(fleet.hosts[index]!.socketPath);
      const known: KnownText[] = [
        { what: 'the name of a host', bytes: Buffer.from(nameOf(index)) },
      ];
      try {
        for (const cache of ['smtpd', 'smtp'] as const) {
          for await (const { id } of client.list(cache)) {
            const text = id.toString('latin1');
            known.push({ what: `an id of ${cache}: ${text}`, bytes: id });
            // The id of TLS itself, which Postfix writes as hexadecimal digits.
            const [, hex] = /^([0-9A-F]{32,64})&/u.exec(text) ?? [];
            if (hex !== undefined) {
              known.push({ what: `an id of TLS: ${hex}`, bytes: Buffer.from(hex, 'hex') });
            }
            const session = await client.lookup(cache, id);
            known.push(...piecesOf(`a session of ${cache}`, session!));
          }
        }
        const key = await client.ticketKey();
        // Its name stands in each ticket, for anybody to read.
        known.push(...piecesOf('a ticket key', key!.subarray(16, 80)));
        return known;
      } finally {
        await client.close();
      }
    }

    test('tells nothing but kinds, sizes and times', async () => {
      for (const kind of kinds) {
        await measurePairs(fleet, kind);
      }
      const [sender] = fleet.hosts;
      await sendMail(sender!.port, 'somebody@elsewhere.example', 'Mail', sender!.address);
      await sender!.waitForLog(sent);
      await fleet.written(0);
      await poll('a heartbeat', async () => {
        return Number(await fleet.redis.command('HLEN', 'tlsmgr:h')) > 0;
      });

      const stored = await dump();
      // It is all there, as it is on the engine's disk.
      for (const name of ['tlsmgr:s:smtpd:', 'tlsmgr:s:smtp:', 'tlsmgr:k:tlsmgr:', 'tlsmgr:h']) {
        assert.ok(stored.includes(name), name);
      }
      const known = [
        ...(await knownTo(0)),
        ...(await knownTo(1)),
        { what: 'the secret', bytes: Buffer.from(fleet.secret) },
        { what: 'the secret', bytes: Buffer.from(fleet.secret, 'hex') },
        { what: 'a name in a certificate', bytes: Buffer.from('mx.example') },
        { what: 'an address', bytes: Buffer.from(elsewhereAddress) },
        { what: 'the version of TLS library', bytes: Buffer.from('OpenSSL') },
      ];
      for (const kind of [
        'an id of smtpd',
        'an id of smtp',
        'a session of smtpd',
        'a ticket key',
      ]) {
        assert.ok(
          known.some(({ what }) => what.startsWith(kind)),
          `nothing of this kind is known: ${kind}`,
        );
      }
      assert.deepEqual(
        known.filter(({ bytes }) => stored.includes(bytes)).map(({ what }) => what),
        [],
      );
    });

    /** All keys and values, each byte as it is. */
    async function dump(): Promise<Buffer> {
      const { redis } = fleet;
      await redis.command('CONFIG', 'SET', 'rdbcompression', 'no');
      await redis.command('SAVE');
      return readFileSync(join(redis.folder, 'dump.rdb'));
    }
  });
}

function piecesOf(what: string, bytes: Buffer): KnownText[] {
  const pieces: KnownText[] = [];
  for (let at = 0; at + pieceBytes <= bytes.length; at += pieceBytes) {
    pieces.push({ what: `${what}, from byte ${at}`, bytes: bytes.subarray(at, at + pieceBytes) });
  }
  return pieces;
}
