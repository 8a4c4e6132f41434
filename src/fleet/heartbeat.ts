/**
 * The heartbeats of a fleet: each host puts one into a hash of the engine every
 * 30 s, and reads those of the others. So each knows who is there, and who has
 * settings that keep the two from sharing. The engine's clock is compared with
 * ours at the same time, and its settings are looked at.
 *
 * All that goes wrong with the engine is told by the engine itself. Here the next
 * heartbeat is waited for.
 */
import { randomBytes } from 'node:crypto';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import type { Timer } from '../system/timers.ts';
import { type Engine, EngineError } from './engine/engine.ts';
import { EngineAdviser } from './engine-advice.ts';
import { EngineClock } from './engine-clock.ts';
import { heartbeatBytes } from './heartbeat-value.ts';
import type { HostFacts } from './host-facts.ts';
import { hostKey, mostHosts, OtherHosts, removedAfterMs } from './other-hosts.ts';
import type { FleetHost, FleetReport, FleetWarning } from './report.ts';
import type { Seals } from './seals.ts';

const hashKey = 'h';
const everySeconds = 30;
/** Of the time between two: hosts that start together don't stay together. */
const jitter = 0.2;
/** After the engine has come back: not all hosts at once. */
const firstWithinSeconds = 2;
/**
 * Each host reads the heartbeats of all. With n hosts that are n * n in each
 * interval, so the interval grows with it: some 2 MB a second leave the engine.
 */
const readSecondsPerSquare = 0.0003;
const longestReadSeconds = 3600;
/** A heartbeat can be opened a little longer than it counts, so that it is known to be old. */
const sealedMs = removedAfterMs + 240_000;
/** The hash outlives its last heartbeat a little. */
const graceMs = 600_000;
const processBytes = 9;

export interface HeartbeatsOptions {
  engine: Engine;
  seals: Pick<Seals, 'heartbeatField' | 'sealHeartbeat' | 'openHeartbeat' | 'forged'>;
  /** tlsmgr_fleet_host. */
  host: string;
  facts: HostFacts;
  clock: Clock;
  after: (seconds: number, task: () => void) => Timer;
  /** 0 to 1, for jitter. */
  random: () => number;
  log: Logger;
}

export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  #facts: HostFacts;
  readonly #process = randomBytes(processBytes).toString('base64url');
  readonly #engineClock: EngineClock;
  readonly #adviser: EngineAdviser;
  readonly #others: OtherHosts;
  #state: 'new' | 'started' | 'stopped' = 'new';
  #isUp = false;
  #timer: Timer | undefined;
  /** By the engine's clock; infinite until there is one. */
  #firstPutMs = Number.POSITIVE_INFINITY;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #complaint = '';

  constructor(options: HeartbeatsOptions) {
    const { engine, seals, host, facts, clock, log } = options;
    this.#options = options;
    this.#facts = facts;
    this.#engineClock = new EngineClock({ engine, clock, log });
    this.#adviser = new EngineAdviser({ engine, clock, log });
    this.#others = new OtherHosts({
      seals,
      self: { host, process: this.#process },
      clock,
      log,
      isStopped: () => this.#isStopped,
    });
  }

  /** From now on there is a heartbeat while the engine is up. */
  start(): void {
    this.#state = 'started';
    this.#options.engine.onChange(() => this.#onChange());
    this.#onChange();
  }

  /** Synchronous. The last heartbeat stays: this host counts as away 90 s later. */
  stop(): void {
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Tells of these other facts from the next heartbeat on. */
  change(facts: Partial<HostFacts>): void {
    this.#facts = { ...this.#facts, ...facts };
  }

  hosts(): FleetHost[] {
    return this.report().hosts;
  }

  /** This host's clock less the engine's; null: not known. */
  get clockDifferenceMs(): number | null {
    return this.#engineClock.differenceMs;
  }

  warnings(): FleetWarning[] {
    const { warning } = this.#engineClock;
    return [
      ...this.#others.warnings(),
      ...(warning === '' ? [] : [{ name: 'fleet-clock', text: warning } as const]),
      ...this.#adviser.texts.map((text) => ({ name: 'engine-settings', text }) as const),
    ];
  }

  report(): Pick<FleetReport, 'hosts' | 'hostCounts' | 'clockDifferenceMs' | 'warnings'> {
    return {
      ...this.#others.report(this.#engineClock.nowMs()),
      clockDifferenceMs: this.clockDifferenceMs,
      warnings: this.warnings(),
    };
  }

  get #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #onChange(): void {
    const wasUp = this.#isUp;
    this.#isUp = this.#options.engine.connection === 'up';
    if (this.#isStopped || this.#isUp === wasUp) {
      return;
    }
    if (this.#isUp) {
      this.#adviser.forget();
      this.#arm(firstWithinSeconds * this.#options.random());
    } else {
      this.#timer?.cancel();
      this.#timer = undefined;
    }
  }

  #arm(seconds: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.after(seconds, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    try {
      const nowMs = await this.#engineClock.measure();
      await this.#read(nowMs);
      await this.#put(nowMs);
      await this.#adviser.ask();
    } catch (thrown) {
      this.#complain(thrown);
    }
    if (this.#isUp && !this.#isStopped) {
      this.#arm(everySeconds * (1 + jitter * (2 * this.#options.random() - 1)));
    }
  }

  /** Before our own is put: a host of the same name would be overwritten. */
  async #read(nowMs: number): Promise<void> {
    const { engine, clock } = this.#options;
    const atMs = clock.monotonicMs();
    const pauseSeconds = Math.min(
      longestReadSeconds,
      readSecondsPerSquare * this.#others.size ** 2,
    );
    if (this.#isStopped || atMs - this.#readAtMs < pauseSeconds * 1000) {
      return;
    }
    const fields = await engine.fields(hashKey, mostHosts);
    this.#readAtMs = atMs;
    if (this.#isStopped) {
      return;
    }
    const stale = await this.#others.take(fields, this.#ownFacts(), nowMs, this.#firstPutMs);
    if (stale.length > 0 && !this.#isStopped) {
      await engine.removeFields(hashKey, stale);
    }
  }

  async #put(nowMs: number): Promise<void> {
    const { engine, seals, host } = this.#options;
    if (this.#isStopped) {
      return;
    }
    const facts = this.#ownFacts();
    const field = seals.heartbeatField(hostKey(host, facts.keySet));
    const value = heartbeatBytes({ host, process: this.#process, atMs: nowMs, facts });
    const sealed = seals.sealHeartbeat(field, nowMs + sealedMs, value);
    await engine.putField(hashKey, field, sealed);
    this.#firstPutMs = Math.min(this.#firstPutMs, nowMs);
    await engine.expireAt(hashKey, nowMs + sealedMs + graceMs);
  }

  #ownFacts(): HostFacts {
    return { ...this.#facts, firstSecret: this.#options.seals.heartbeatField('first secret') };
  }

  /** The engine has logged its own failures. */
  #complain(thrown: unknown): void {
    const complaint = messageOf(thrown);
    if (!this.#isStopped && !(thrown instanceof EngineError) && complaint !== this.#complaint) {
      this.#complaint = complaint;
      this.#options.log.warning(`fleet: heartbeat failed: ${complaint}`);
    }
  }
}
