/**
 * Asks the engine of the fleet itself, from here: whether it can be reached, and
 * whether its settings keep ticket keys where they should be. Root alone can read
 * how to get there.
 */
import type { Config } from '../../config/config.ts';
import { TlsmgrError } from '../../errors.ts';
import { adviceOf, type Advice } from '../../fleet/engine-advice.ts';
import { type Engine, EngineError } from '../../fleet/engine/engine.ts';
import { readEngineFile } from '../../fleet/engine/engine-file.ts';
import { isAnswer, isRefused } from '../../fleet/engine/engine-fault.ts';
import { openEngine } from '../../fleet/engine/open-engine.ts';
import { systemClock } from '../../system/clock.ts';
import { unheard } from '../findings/cache-files.ts';
import type { Finding } from '../findings/finding.ts';
import { type EngineAccess, engineAccess, pingRemedy, redisCli } from '../findings/redis-cli.ts';

const patienceMs = 3000;

/** @param known what is told of the engine already, by its file or by the daemon. */
export async function fleetEngineFindings(
  config: Config,
  known: readonly Finding[],
): Promise<Finding[]> {
  const named = config.fleet.engine;
  const isTold = known.some(({ name }) => name === 'fleet-engine-unusable');
  if (named === undefined || isTold || process.getuid?.() !== 0) {
    return [];
  }
  let engine: Engine;
  try {
    engine = await openEngine(readEngineFile(named.file), { log: unheard, clock: systemClock });
  } catch (thrown) {
    if (!(thrown instanceof TlsmgrError)) {
      throw thrown;
    }
    // A file that its own finding tells of.
    return [];
  }
  try {
    return await askedFindings(engine, known, { access: engineAccess(config) });
  } finally {
    engine.closeNow();
  }
}

/**
 * @param engine not started.
 * @param access for the commands that mend something.
 */
export async function askedFindings(
  engine: Engine,
  known: readonly Finding[],
  { access, limitMs = patienceMs }: { access?: EngineAccess | undefined; limitMs?: number } = {},
): Promise<Finding[]> {
  const isUp = await comesUp(engine, limitMs);
  const { server, reason } = engine.report();
  if (!isUp) {
    return known.some(({ name }) => name === 'engine-away')
      ? []
      : [unusableFinding(server, reason || 'no answer', access)];
  }
  try {
    const persistence = await engine.info('persistence');
    const memory = await engine.info('memory');
    return adviceOf({ persistence, memory }).map((advice) => adviceFinding(server, advice, access));
  } catch (thrown) {
    if (!(thrown instanceof EngineError)) {
      throw thrown;
    }
    return [
      {
        severity: 'note',
        name: 'engine-not-asked',
        text: `engine ${server} doesn't tell its settings: ${thrown.message}: they were not examined`,
        remedy: `${redisCli(server, access)} info persistence  # aof_enabled:0 and no dumps; the user of this host needs the right to do so: +info`,
      },
    ];
  }
}

function comesUp(engine: Engine, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isUp: boolean): void => {
      clearTimeout(timer);
      resolve(isUp);
    };
    const timer = setTimeout(() => end(false), limitMs);
    const look = (): void => {
      if (engine.connection === 'up') {
        end(true);
      } else if (engine.connection !== 'opening') {
        end(false);
      }
    };
    engine.onChange(look);
    engine.start();
    look();
  });
}

function unusableFinding(
  server: string,
  reason: string,
  access: EngineAccess | undefined,
): Finding {
  const what = isRefused(reason)
    ? 'refuses this host'
    : isAnswer(reason)
      ? "answers, but doesn't serve"
      : "can't be reached from here";
  return {
    severity: 'warning',
    name: 'engine-unusable',
    text: `engine ${server} ${what}: ${reason}: without it this host shares nothing that is new; its settings were not examined`,
    remedy: pingRemedy(server, access, reason),
  };
}

function adviceFinding(
  server: string,
  { name, text, setting, value }: Advice,
  access: EngineAccess | undefined,
): Finding {
  const client = redisCli(server, access);
  const given = value === '' ? "''" : value;
  const set = `${client} config set ${setting} ${given}`;
  const user = access?.username ?? '';
  const instead = user === '' ? '' : `, in the place of ${user}`;
  // INFO counts the dumps since the start.
  const stays = setting === 'save' ? '; this warning stays until the engine is restarted' : '';
  const line = `${setting} ${value === '' ? '""' : value}`;
  const remedy = `${set} && ${client} config rewrite  # as a user of the engine who may do so${instead}; or write ${line} into its redis.conf and restart it${stays}`;
  return name === 'engine-persistent'
    ? { severity: 'warning', name: 'engine-persistent', text: `engine ${server} ${text}`, remedy }
    : { severity: 'warning', name: 'engine-eviction', text: `engine ${server} ${text}`, remedy };
}
