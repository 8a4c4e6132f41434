/**
 * Loads what makes this host one of a fleet, when main.cf asks for it: a daemon
 * without a fleet starts as fast as ever, and holds no more memory.
 */
import type { Config } from '../config/config.ts';
import type { Fleet, FleetDependencies } from './fleet.ts';

/**
 * Call it as root and before the chroot. It reads files and waits for no network.
 * @returns undefined when main.cf asks for no fleet.
 */
export async function openFleet(
  config: Config,
  dependencies: FleetDependencies,
): Promise<Fleet | undefined> {
  const { ticketKeys, engine } = config.fleet;
  if (ticketKeys === 'local' && engine === undefined) {
    return undefined;
  }
  const fleet = await import('./fleet.ts');
  return fleet.Fleet.open(config, dependencies);
}
