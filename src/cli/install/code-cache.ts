/**
 * Makes the code cache of the daemon (src/system/code-cache.ts). It starts the
 * daemon once, as master(8) does, with a main.cf of its own, and asks it the
 * questions that mail brings. What V8 has compiled by then goes into the cache.
 * This needs no Postfix and no root, and touches no file of either.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { TlsmgrClient } from '../../client/client.ts';
import { cachePathOf, codeCacheVariable } from '../../system/code-cache.ts';
import { within } from '../../system/timers.ts';
import type { ProgramPaths } from '../postfix/launcher.ts';

const limitMs = 20_000;

/** A session as long as most are. */
const sessionBytes = 1500;

/** Of the descriptors that master(8) gives its programs. */
const statusDescriptor = 5;

/** @returns whether there is one now. Without one the daemon starts all the same, a little later. */
export async function makeCodeCache({ node, program }: ProgramPaths): Promise<boolean> {
  const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-code-'));
  try {
    const made = join(scratch, 'made');
    await runOnce(scratch, node, program, made);
    replaceFile(cachePathOf(join(dirname(program), 'daemon.js')), readFileSync(made));
    return true;
  } catch {
    // A folder that can't be written to, a host without accounts, a node that doesn't run.
    return false;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function runOnce(
  scratch: string,
  node: string,
  program: string,
  made: string,
): Promise<void> {
  writeFileSync(join(scratch, 'main.cf'), mainCf(scratch));
  const socketPath = join(scratch, 'tlsmgr');
  const listener = await listen(socketPath);
  let child: ChildProcess;
  try {
    child = spawn(node, [program, '-l', '-t', 'unix', '-n', 'tlsmgr'], {
      cwd: scratch,
      env: { MAIL_CONFIG: scratch, GENERATION: '1', [codeCacheVariable]: made },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe', 'pipe', descriptorOf(listener)],
    });
  } finally {
    // Before this process can accept anything itself.
    listener.close();
  }
  const ended = once(child, 'close');
  try {
    await within(Promise.race([ask(socketPath), ended]), limitMs);
    // As at a reload: it saves its state, and ends.
    const streams: readonly unknown[] = child.stdio;
    (streams[statusDescriptor] as Socket).on('error', () => undefined).end();
    await within(ended, limitMs);
  } finally {
    child.kill('SIGKILL');
  }
}

async function ask(socketPath: string): Promise<void> {
  const client = new TlsmgrClient({ socketPath, deadlineMs: limitMs });
  const id = Buffer.alloc(32, 1);
  await client.policy('smtpd');
  await client.seed(32);
  await client.update('smtpd', id, Buffer.alloc(sessionBytes, 2));
  await client.lookup('smtpd', id);
  await client.lookup('smtpd', Buffer.alloc(32, 3));
  await client.delete('smtpd', id);
  const key = await client.ticketKey();
  await client.ticketKey(key?.subarray(0, 16));
  await client.close();
}

function mainCf(directory: string): string {
  const { owner, privs, group } = accounts();
  return [
    `queue_directory = ${directory}`,
    `data_directory = ${directory}`,
    `mail_owner = ${owner}`,
    `default_privs = ${privs}`,
    `setgid_group = ${group}`,
    'tls_random_exchange_name =',
    'smtpd_tls_session_cache_database = internal:',
    'smtp_tls_session_cache_database = internal:',
    '',
  ].join('\n');
}

/** Two users and a group that Postfix would accept, whoever they are: no file is given to them. */
function accounts(): { owner: string; privs: string; group: string } {
  const users = linesOf('/etc/passwd')
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(
      ({ uid, gid }, index, all) =>
        uid > 0 && gid > 0 && all.findIndex((other) => other.uid === uid) === index,
    );
  const [owner] = users;
  const privs = users.find(({ gid }) => gid !== owner?.gid);
  const group = linesOf('/etc/group')
    .map(([name = '', , gid]) => ({ name, gid: Number(gid) }))
    .find(({ gid }) => gid > 0 && gid !== owner?.gid && gid !== privs?.gid);
  if (owner === undefined || privs === undefined || group === undefined) {
    throw new Error('too few accounts');
  }
  return { owner: owner.name, privs: privs.name, group: group.name };
}

function linesOf(path: string): string[][] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
}

/** Listens at a path that stays when the listener is closed. */
async function listen(path: string): Promise<Server> {
  const passing = `${path}.new`;
  const server = createServer().listen(passing);
  await once(server, 'listening');
  renameSync(passing, path);
  return server;
}

/** node:net has no public name for it. */
function descriptorOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}

/** In one step: a daemon may be starting. */
function replaceFile(path: string, content: Buffer): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, content, { mode: 0o644, flag: 'wx' });
  renameSync(fresh, path);
}
