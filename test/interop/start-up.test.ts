import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { AttributeClient, request, valueOf } from '../postfix/attribute-client.ts';
import { StandInMaster } from '../postfix/stand-in-master.ts';
import {
  originalTlsmgr,
  requireBuilt,
  skipWithoutPostfix,
  testsOurs,
  tlsmgrUnderTest,
} from '../postfix/under-test.ts';

/** What a start comes to. */
interface Outcome {
  /** Of the daemon, told to go once it has served, if it does. */
  status: number | undefined;
  /** Of smtpd, smtp and lmtp: cachable and timeout. None when it doesn't serve. */
  policies: string[];
  /** The log without the tag; `DIR` for the scratch directory. */
  logged: string[];
}

interface Setting {
  mainCf: Record<string, string>;
  /** What ours does instead, on purpose. */
  ours?: Partial<Outcome>;
}

const unchanged = ['1 3600', '1 3600', '0 3600'];
const withoutSmtp = ['1 3600', '0 3600', '0 3600'];

const smtp = (database: string): Record<string, string> => ({
  smtp_tls_session_cache_database: database,
});

/** The original says it twice, and goes on telling clients to use the cache. */
function smtpOff(database: string, logged: string): Partial<Outcome> {
  return {
    policies: withoutSmtp,
    logged: [`error: smtp_tls_session_cache_database = ${database}: ${logged}`],
  };
}

/** The original exits, again and again, and serves nobody. */
function servesAllTheSame(...logged: string[]): Partial<Outcome> {
  return { policies: unchanged, logged };
}

const settings: Setting[] = [
  { mainCf: {} },
  { mainCf: smtp('') },
  { mainCf: smtp('hash:$data_directory/x') },
  { mainCf: smtp('internal:x') },
  { mainCf: smtp('$data_directory/x') },
  { mainCf: smtp('btree:x') },
  { mainCf: smtp('btree:$config_directory/x') },
  { mainCf: smtp('btree:$data_directory/smtpd_scache') },
  {
    mainCf: smtp('btree:$data_directory/no/such/x'),
    ours: smtpOff(
      'btree:DIR/data/no/such/x',
      'open database DIR/data/no/such/x.tlsmgr: No such file or directory',
    ),
  },
  {
    mainCf: smtp('btree:/nonexistent/x'),
    ours: smtpOff(
      'btree:/nonexistent/x',
      'open database /nonexistent/x.tlsmgr: No such file or directory',
    ),
  },
  {
    mainCf: smtp('nosuch:$data_directory/x'),
    ours: smtpOff('nosuch:DIR/data/x', 'unsupported dictionary type: nosuch'),
  },
  { mainCf: { tls_random_exchange_name: '$queue_directory/prng_exch' } },
  { mainCf: { tls_random_exchange_name: '/nonexistent/prng_exch' } },
  { mainCf: { smtpd_tls_session_cache_timeout: '1s', lmtp_tls_session_cache_timeout: '0' } },
  { mainCf: { smtpd_tls_session_cache_timeout: '100d', smtp_tls_session_cache_timeout: '2w' } },
  { mainCf: { smtpd_tls_session_cache_timeout: '8640001s' } },
  { mainCf: { smtpd_tls_session_cache_timeout: '1x' } },
  { mainCf: { smtpd_tls_session_cache_timeout: '-1s' } },
  { mainCf: { smtpd_tls_session_cache_timeout: '9999999999999' } },
  { mainCf: { smtpd_tls_loglevel: '2' } },
  { mainCf: { tls_random_bytes: '0' } },
  { mainCf: { tls_random_bytes: '300' } },
  { mainCf: { tls_random_reseed_period: '0s' } },
  { mainCf: { tls_random_prng_update_period: 'x' } },
  { mainCf: { tls_random_source: '' } },
  {
    mainCf: { tls_random_source: 'dev:/nonexistent' },
    ours: servesAllTheSame(
      'warning: cannot open entropy device /nonexistent: No such file or directory',
    ),
  },
  {
    mainCf: { tls_random_source: 'egd:/nonexistent' },
    ours: servesAllTheSame(
      'warning: cannot connect to EGD server /nonexistent: No such file or directory',
    ),
  },
  {
    mainCf: { tls_random_source: '/nonexistent' },
    ours: servesAllTheSame(
      'warning: cannot read from entropy file /nonexistent: No such file or directory',
    ),
  },
  { mainCf: { mail_owner: 'nobody-of-this-name' } },
  { mainCf: { mail_owner: 'root' } },
  { mainCf: { data_directory: '/nonexistent' } },
  { mainCf: { queue_directory: '/nonexistent' } },
  { mainCf: { daemon_timeout: '0' } },
  { mainCf: { myhostname: '' } },
  {
    mainCf: { smtpd_tls_session_cache_timeout: '${nonsense' },
    // The original doesn't say where.
    ours: {
      logged: [
        'fatal: file DIR/etc/main.cf: parameter smtpd_tls_session_cache_timeout: ' +
          'macro processing error: truncated macro reference: "${nonsense"',
      ],
    },
  },
];

async function outcomeOf(daemon: string, mainCf: Record<string, string>): Promise<Outcome> {
  const master = await StandInMaster.start({ daemon, mainCf });
  try {
    const policies = await policiesOf(master);
    master.letGo();
    const { status } = await master.ended;
    const logged = master.logged.map((line) =>
      line.replaceAll(master.directory, 'DIR').replace(/^\S+: /u, ''),
    );
    return { status, policies, logged };
  } finally {
    master.cleanup();
  }
}

async function policiesOf(master: StandInMaster): Promise<string[]> {
  const policies: string[] = [];
  const client = await AttributeClient.connect(master.socketPath);
  try {
    await client.readList();
    for (const type of ['smtpd', 'smtp', 'lmtp']) {
      const reply = await client.ask(request('policy', 'cache_type', type));
      policies.push(`${valueOf(reply, 'cachable')} ${valueOf(reply, 'timeout')}`);
    }
  } catch (thrown) {
    // It has ended in place of an answer.
    assert.ok(thrown instanceof Error && thrown.message.startsWith('closed after'), String(thrown));
  } finally {
    client.close();
  }
  return policies;
}

describe(
  "what Postfix's tlsmgr and ours make of a main.cf, and say about it",
  { skip: skipWithoutPostfix, concurrency: 4 },
  () => {
    before(requireBuilt);

    for (const { mainCf, ours } of settings) {
      const what = Object.entries(mainCf).map(([name, value]) => `${name} = ${value}`);
      test(what.join(', ') || 'nothing set', async () => {
        const [original, tested] = await Promise.all([
          outcomeOf(originalTlsmgr, mainCf),
          outcomeOf(tlsmgrUnderTest, mainCf),
        ]);
        if (ours !== undefined && testsOurs) {
          assert.notDeepEqual(tested, original, 'no difference any more');
        }
        assert.deepEqual(tested, testsOurs ? { ...original, ...ours } : original);
      });
    }
  },
);
