/** tlsmgr_session_caches: which names are caches, and what is wrong with others. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { misspeltFindings } from '../../src/cli/findings/misspelt.ts';
import { isCacheName, mostCaches, postfixCacheNames } from '../../src/config/cache-names.ts';
import type { Config } from '../../src/config/config.ts';
import { inspectConfig, loadConfig, type LoadOptions, namedCaches } from '../../src/config/load.ts';
import { openMainCf } from '../../src/config/settings.ts';
import { parametersFor } from '../../src/config/parameters.ts';
import { cacheOfParameter } from '../../src/config/parameters/caches.ts';
import { FatalError } from '../../src/errors.ts';
import { scratchDirectory, writeMainCf } from './scratch.ts';

const directory = scratchDirectory();

function optionsFor(mainCf: string): LoadOptions & { said: string[] } {
  if (mainCf !== '') {
    writeMainCf(directory, mainCf);
  }
  const said: string[] = [];
  return {
    configDirectory: directory,
    environment: {},
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'print',
    overrides: [],
    warn: (text) => void said.push(text),
    said,
  };
}

/** The same with this list, and no file: properties are tried often. */
function loadList(list: string): Config {
  const settings = new Map([['tlsmgr_session_caches', list]]);
  const { said, ...options } = optionsFor('');
  const config = loadConfig({ ...options, mainCf: { directory, settings } });
  assert.deepEqual(said, []);
  return config;
}

const load = (mainCf: string): Config => loadConfig(optionsFor(mainCf));
const namesIn = (mainCf: string): string[] => [...load(mainCf).caches.keys()];

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');
const name = fc
  .tuple(
    fc.constantFrom(...letters),
    fc.string({ unit: fc.constantFrom(...letters, ...'0123456789_'.split('')), maxLength: 40 }),
  )
  .map(([first, rest]) => first + rest)
  .filter((text) => isCacheName(text));

describe('tlsmgr_session_caches', () => {
  test('without it there are the caches of Postfix, and they stay whatever it says', () => {
    assert.deepEqual(namesIn('max_use = 100\n'), ['smtpd', 'smtp', 'lmtp']);
    assert.deepEqual(namesIn('tlsmgr_session_caches =\n'), ['smtpd', 'smtp', 'lmtp']);
    assert.deepEqual(namesIn('tlsmgr_session_caches = smtp\n'), ['smtpd', 'smtp', 'lmtp']);
    assert.deepEqual(namesIn('tlsmgr_session_caches = web, lmtp\n'), [
      'smtpd',
      'smtp',
      'lmtp',
      'web',
    ]);
  });

  test('an added cache has all parameters, is on, and its faults give defaults', () => {
    const config = load(
      `names = api
tlsmgr_session_caches = smtpd, smtp, lmtp, web $names
web_tls_session_cache_timeout = soon
web_tls_session_cache_size_limit = 5000
web_tls_session_cache_entry_limit = 7
web_tls_loglevel = 2
api_tls_session_cache_database = btree:/x/\${web_tls_session_cache_entry_limit}
api_tls_session_cache_timeout = 1
`,
    );
    assert.deepEqual(config.caches.get('web'), {
      label: 'web',
      lifetimeSeconds: 3600,
      database: 'internal:',
      sizeLimitBytes: 5000,
      entryLimit: 7,
      logOperations: true,
    });
    const { database, lifetimeSeconds } = config.caches.get('api')!;
    assert.deepEqual([database, lifetimeSeconds], ['btree:/x/7', 120]);
    assert.deepEqual(
      config.faults.map(({ text }) => text),
      [
        'parameter web_tls_session_cache_timeout: bad time value or unit: soon: web_tls_session_cache_timeout takes a time of at least 0 s; its default is used: 3600s',
      ],
    );
    assert.equal(config.text.get('web_tls_session_cache_timeout'), '3600s');
    assert.equal(config.text.get('tlsmgr_session_caches'), 'smtpd, smtp, lmtp, web api');
  });

  test('any well-formed names are caches, in their order behind those of Postfix', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { maxLength: mostCaches - 3 }),
        fc.constantFrom(', ', ' ', ',', '\n  '),
        (names, between) => {
          const { caches, faults } = loadList(names.join(between));
          const added = names.filter((one) => !postfixCacheNames.includes(one));
          assert.deepEqual(faults, []);
          assert.deepEqual([...caches.keys()], [...postfixCacheNames, ...added]);
          const named = parametersFor(added).map((parameter) => cacheOfParameter(parameter.name));
          assert.deepEqual(
            [...new Set(named)].filter((one) => one !== undefined),
            [...caches.keys()],
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  test('any other text is one fault, and the default: mail goes on', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 6 }), { maxLength: 5 }),
        (parts) => {
          const text = parts.join(' ').replaceAll('$', '');
          const { caches, faults } = loadList(text);
          const words = text.split(/[, \t\r\n]+/u).filter((word) => word !== '');
          const isGood =
            words.every((word) => isCacheName(word)) && new Set(words).size === words.length;
          assert.deepEqual(
            faults.map((fault) => fault.name),
            isGood ? [] : ['tlsmgr_session_caches'],
          );
          if (!isGood) {
            assert.deepEqual([...caches.keys()], postfixCacheNames);
          }
        },
      ),
      { numRuns: 80 },
    );
  });

  test('each mistake is named', () => {
    const faultOf = (list: string): string => {
      const { faults, caches } = loadList(Buffer.from(list).toString('latin1'));
      assert.deepEqual([...caches.keys()], postfixCacheNames);
      return faults.map(({ message }) => message.replace(/^.*session_caches: /u, '')).join();
    };
    assert.equal(faultOf('web, we-b'), 'bad name of a cache: we-b');
    assert.equal(faultOf('smtpd, 9lives'), 'bad name of a cache: 9lives');
    assert.equal(faultOf('web _'), 'bad name of a cache: _');
    assert.equal(faultOf('wéb'), 'bad name of a cache: wéb');
    assert.equal(faultOf('web, smtpd, web'), 'web is there twice');
    assert.equal(
      faultOf('tlsproxy'),
      'tlsproxy is the name of a program of Postfix that has no cache',
    );
    const many = Array.from({ length: mostCaches }, (_, index) => `c${index}`);
    assert.equal(
      faultOf(many.join(' ')),
      `${mostCaches + 3} caches, and ${mostCaches} are allowed`,
    );
    assert.equal(namesIn(`tlsmgr_session_caches = ${many.slice(3).join(' ')}`).length, mostCaches);
    const { faults } = load('tlsmgr_session_caches = $tlsmgr_session_caches\n');
    assert.match(faults[0]!.message, /macro processing error: unreasonable macro call/u);
  });

  test('tlsmgr config tells the fault, and tlsmgr serve refuses it', () => {
    const options = optionsFor('tlsmgr_session_caches = a a\n');
    assert.match(inspectConfig(options).faults[0]!.message, /session_caches: a is there twice/u);
    assert.throws(
      () => loadConfig({ ...options, mode: 'standalone' }),
      new FatalError(
        `file ${directory}/main.cf: parameter tlsmgr_session_caches: a is there twice`,
      ),
    );
  });

  test('names that objects have already, and very long ones, are names as any other', () => {
    const long = 'x'.repeat(3000);
    const names = ['constructor', 'toString', 'hasOwnProperty', long];
    const { caches, faults } = load(`tlsmgr_session_caches = ${names.join(' ')}\n`);
    assert.deepEqual(faults, []);
    assert.deepEqual([...caches.keys()].slice(3), names);
  });

  test('check names parameters of a cache that is not in the list', () => {
    const findings = (mainCf: string): string[] => {
      const options = optionsFor(mainCf);
      const origins = { service: 'tlsmgr/unix', masterCf: [], command: [] };
      const names = namedCaches(options);
      return misspeltFindings(openMainCf(options), origins, names).map(({ text }) => text);
    };
    const set = 'web_tls_session_cache_database = internal:\nweb_tls_loglevel = 0\n';
    assert.deepEqual(findings(set), [
      'web_tls_session_cache_database in main.cf: tlsmgr_session_caches names no cache web: it has no effect',
    ]);
    assert.deepEqual(findings(`tlsmgr_session_caches = web\n${set}`), []);
    assert.deepEqual(findings('tlsproxy_tls_loglevel = 0\n'), []);
  });
});
