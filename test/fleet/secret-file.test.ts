/** The file of the fleet's secrets: what it may hold, and who may have it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FatalError } from '../../src/errors.ts';
import { parseFleetSecrets, readFleetSecrets } from '../../src/fleet/secret-file.ts';
import { scratchDirectory } from '../config/scratch.ts';

const folder = scratchDirectory();
const path = join(folder, 'secret');
const isRoot = process.geteuid!() === 0;

const hex = (secret: Buffer): string => secret.toString('hex');

function secretsOf(content: string): Buffer[] | string {
  const parsed = parseFleetSecrets(Buffer.from(content, 'latin1'));
  return typeof parsed === 'string' ? parsed : parsed.map(({ bytes }) => bytes);
}

describe('the content of a secret file', () => {
  const [one, two, three, four] = [1, 2, 3, 4].map(() => randomBytes(32)) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];

  test('is one to three lines of 64 hexadecimal digits, the first of which seals', () => {
    assert.deepEqual(secretsOf(hex(one)), [one]);
    assert.deepEqual(secretsOf(`${hex(one).toUpperCase()}\n`), [one]);
    assert.deepEqual(secretsOf(`${hex(one)}\n${hex(two)}\n${hex(three)}`), [one, two, three]);
  });

  test('may have blank lines, comments, blanks, and ends of lines of another system', () => {
    assert.deepEqual(
      secretsOf(
        `# 0123\n\n \t# more\n\t${hex(one)} \r\n#\n  \n${hex(two)}# behind it\n${hex(three)} # too\r\n# ${hex(four)}\n`,
      ),
      [one, two, three],
    );
  });

  for (const [what, content, reason] of [
    ['nothing', '', /^there is no secret in the file: tlsmgr fleet-secret makes one$/u],
    ['only comments', '# a\n\n#\n', /^there is no secret in the file/u],
    ['four secrets', [one, two, three, four].map(hex).join('\n'), /^more than 3 secrets$/u],
    ['one secret twice', `${hex(one)}\n${hex(two)}\n${hex(one).toUpperCase()}`, /^a secret is th/u],
    ['a digit too few', `#\n${hex(one).slice(1)}`, /^line 2 is not 64 hexadecimal digits$/u],
    ['a digit too many', `${hex(one)}\n${hex(two)}0\n`, /^line 2 is not 64 hexadecimal digits$/u],
    ['another character', `${hex(one).slice(1)}g`, /^line 1 is not 64 hexadecimal digits$/u],
    ['two in a line', `${hex(one)} ${hex(two)}`, /^line 1 is not 64 hexadecimal digits$/u],
    ['a name before it', `secret = ${hex(one)}`, /^line 1 is not 64 hexadecimal digits$/u],
    ['a key as bytes', one.toString('latin1'), /^(?:line \d+ is not|there is no)/u],
    ['a whole book', '#\n'.repeat(2048), /^longer than 4095 bytes$/u],
  ] as const) {
    test(`is refused with ${what}, and the reason tells nothing of it`, () => {
      const told = secretsOf(content);
      assert.ok(typeof told === 'string');
      assert.match(told, reason);
      for (const secret of [one, two, three, four]) {
        assert.ok(!told.includes(hex(secret).slice(0, 8)));
      }
    });
  }

  test('of any other bytes is refused, or has whole secrets', () => {
    const pieces = fc.oneof(
      fc.constantFrom(hex(one), hex(two), '\n', '#', ' ', '\r', '# new secret, made ', '\0'),
      fc.string({ unit: 'binary-ascii', maxLength: 70 }),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (texts) => {
        const secrets = secretsOf(texts.join(''));
        assert.ok(
          typeof secrets === 'string' ||
            (secrets.length >= 1 &&
              secrets.length <= 3 &&
              secrets.every(({ length }) => length === 32)),
        );
      }),
    );
  });

  test('tells by marks how far a replacement is', () => {
    const parsed = parseFleetSecrets(
      Buffer.from(
        `# current secret, made 2026-11-26T23:10Z\n# a note\n${hex(one)}\n# new secret\n${hex(two)}\n# old secret, made ${hex(four)}\n${hex(three)}\n`,
      ),
    );
    assert.ok(typeof parsed !== 'string');
    assert.deepEqual(
      parsed.map(({ mark }) => mark),
      [
        { role: 'current', made: '2026-11-26T23:10Z' },
        { role: 'new', made: '' },
        { role: 'old', made: '' },
      ],
    );
  });
});

describe('a secret file', () => {
  const secret = randomBytes(32);

  function refused(reason: string, reader?: number): void {
    assert.throws(
      () => readFleetSecrets(path, reader),
      new FatalError(`tlsmgr_fleet_secret_file = ${path}: ${reason}`),
    );
  }

  test('that is missing, or not there for us, is fatal', () => {
    refused('No such file or directory');
  });

  test('is read, and only read', () => {
    writeFileSync(path, `${hex(secret)}\n`, { mode: 0o600 });
    assert.deepEqual(readFleetSecrets(path), [secret]);
    chmodSync(path, 0o400);
    assert.deepEqual(readFleetSecrets(path), [secret]);
  });

  for (const mode of [0o640, 0o604, 0o620, 0o610, 0o666]) {
    test(`of mode ${mode.toString(8)} is open to others: fatal`, () => {
      chmodSync(path, mode);
      refused('the file is open to its group or to others: its mode must be 600 or less');
    });
  }

  test('of another user is fatal, but root and the reader may own it', { skip: !isRoot }, () => {
    chmodSync(path, 0o600);
    chownSync(path, 54_321, 54_321);
    refused("the file belongs to user 54321: it must be root's, or of the user who reads it");
    assert.deepEqual(readFleetSecrets(path, 54_321), [secret]);
    chownSync(path, 0, 0);
    assert.deepEqual(readFleetSecrets(path, 54_321), [secret]);
  });

  test('of wrong content is fatal', () => {
    writeFileSync(path, 'not a secret\n', { mode: 0o600 });
    refused('line 1 is not 64 hexadecimal digits');
  });

  test('that is no regular file is fatal, and nobody waits for the writer of a FIFO', () => {
    const odd = join(folder, 'odd');
    mkdirSync(odd);
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', ['-m', '600', fifo]);
    for (const one of [odd, fifo]) {
      assert.throws(
        () => readFleetSecrets(one),
        new FatalError(`tlsmgr_fleet_secret_file = ${one}: not a regular file`),
      );
    }
  });

  test('may be behind a link of the one who reads', () => {
    const link = join(folder, 'link');
    const target = join(folder, 'target');
    writeFileSync(target, hex(secret), { mode: 0o600 });
    symlinkSync(target, link);
    assert.deepEqual(readFleetSecrets(link), [secret]);
  });
});
