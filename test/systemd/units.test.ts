/** The units under a real systemd, as an administrator installs and uses them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { commandsOf } from '../docs/shell-blocks.ts';
import { poll } from '../postfix/poll.ts';
import { Machine, noMachine } from './machine.ts';

const socket = '/run/tlsmgr/tlsmgr.sock';
const seed = `tlsmgr seed 32 --socket ${socket}`;
const aSeed = /^[0-9a-f]{64}$/u;

/** As a user without privileges, in one group. */
const asMemberOf = (group: string, command: string): string =>
  `setpriv --reuid=nobody --regid=${group} --clear-groups --inh-caps=-all ${command}`;

describe('the units under systemd', { skip: noMachine }, () => {
  let machine: Machine;

  before(async () => {
    machine = await Machine.boot();
  });
  after(() => machine.end());

  const active = (): string[] =>
    machine.run('systemctl is-active tlsmgr.socket tlsmgr.service').output.trim().split('\n');
  const access = (path: string): string => machine.must(`stat -c '%a %U:%G' ${path}`);
  /** What `systemctl edit` would write, with \\n for its line ends. */
  function dropIn(unit: string, text: string): void {
    const folder = `/run/systemd/system/${unit}.d`;
    machine.must(
      `mkdir -p ${folder} && printf '${text}\\n' > ${folder}/test.conf && systemctl daemon-reload`,
    );
  }
  const pid = (): string => machine.must('systemctl show -P MainPID tlsmgr.service');

  test('the commands of docs/systemd.md do what they say', async () => {
    const commands = commandsOf('docs/systemd.md').map(({ text }) => text);
    assert.ok(commands.length > 4);
    for (const text of commands) {
      machine.must(`cd ${Machine.package} && ${text}`);
    }
    await poll('the reload to end', () => active().join(' ') === 'active active');
    const shown = machine.must('systemctl status tlsmgr');
    assert.match(shown, /Status: "serving on descriptor 3 of systemd, caches: smtpd smtp lmtp"/u);
    assert.match(machine.must(seed), aSeed);
  });

  test('a restart leaves the socket and its folder as they are', () => {
    const seen = (): string => machine.must(`stat -c '%i %a %U:%G' /run/tlsmgr ${socket}`);
    const first = seen();
    assert.match(first, / 755 root:root\n.* 660 root:root$/u);
    machine.must('systemctl restart tlsmgr');
    assert.deepEqual(active(), ['active', 'active']);
    assert.equal(seen(), first);
    assert.match(machine.must(seed), aSeed);
  });

  test('clients that come while it restarts wait, and none fails', () => {
    const clients = `for n in 1 2 3 4 5 6; do ${seed} & all="$all $!"; done`;
    const output = machine.must(
      `systemctl restart tlsmgr & all=$!; ${clients}; for one in $all; do wait $one || exit; done`,
    );
    assert.equal(output.split('\n').filter((line) => aSeed.test(line)).length, 6, output);
  });

  test('after a stop the next client starts it', () => {
    machine.must('systemctl stop tlsmgr.service');
    assert.deepEqual(active(), ['active', 'inactive']);
    assert.match(machine.must(seed), aSeed);
    assert.deepEqual(active(), ['active', 'active']);
  });

  test('after a crash it is back, on the same socket', () => {
    const first = pid();
    machine.must('systemctl kill -s SEGV tlsmgr.service');
    assert.match(machine.must(seed), aSeed);
    assert.notEqual(pid(), first);
  });

  test('a stop of the socket stops both, and leaves no socket', () => {
    machine.must('systemctl stop tlsmgr.socket');
    assert.deepEqual(active(), ['inactive', 'inactive']);
    assert.equal(machine.must('ls -A /run/tlsmgr'), '');
    machine.must('systemctl start tlsmgr.service');
    assert.deepEqual(active(), ['active', 'active']);
    assert.match(machine.must(seed), aSeed);
  });

  test("a group's clients get in, others don't, and a restart changes nothing", () => {
    dropIn('tlsmgr.socket', '[Socket]\\nSocketGroup=mail');
    machine.must('systemctl restart tlsmgr.socket');
    for (const round of ['at first', 'after a restart']) {
      assert.equal(access('/run/tlsmgr'), '755 root:root', round);
      assert.equal(access(socket), '660 root:mail', round);
      assert.match(machine.must(asMemberOf('mail', seed)), aSeed, round);
      const stranger = machine.run(asMemberOf('nogroup', seed));
      assert.notEqual(stranger.status, 0);
      assert.match(stranger.output, /permission denied/u);
      machine.must('systemctl restart tlsmgr.service');
    }
  });

  test('failed starts cost no client the socket, however many', () => {
    dropIn('tlsmgr.service', '[Unit]\\nStartLimitBurst=1');
    machine.must('systemctl stop tlsmgr.service; mv /usr/local/bin/tlsmgr /root/');
    for (let starts = 0; starts < 2; starts += 1) {
      assert.notEqual(machine.run('systemctl start tlsmgr.service').status, 0);
    }
    assert.equal(active()[0], 'active');
    machine.must('mv /root/tlsmgr /usr/local/bin/');
    assert.match(machine.must(seed), aSeed);
  });

  test("npm's prefix is found where it is /usr, and elsewhere with ExecSearchPath", () => {
    machine.must('mv /usr/local/bin/tlsmgr /usr/bin/ && systemctl restart tlsmgr');
    assert.match(machine.must(seed.replace('tlsmgr', '/usr/bin/tlsmgr')), aSeed);
    machine.must('mkdir -p /opt/node/bin && mv /usr/bin/tlsmgr /opt/node/bin/');
    dropIn('tlsmgr.service', '[Service]\\nExecSearchPath=/opt/node/bin:/usr/bin');
    machine.must('systemctl restart tlsmgr');
    assert.deepEqual(active(), ['active', 'active']);
    assert.match(machine.must(seed.replace('tlsmgr', '/opt/node/bin/tlsmgr')), aSeed);
  });

  test("what is kept lies in StateDirectory, nobody else's", () => {
    const kept = machine.must('ls -A /var/lib/tlsmgr/').split('\n');
    assert.ok(kept.includes('prng_exch'), kept.join(' '));
    assert.match(access('/var/lib/private/tlsmgr'), /^700 /u);
  });
});
