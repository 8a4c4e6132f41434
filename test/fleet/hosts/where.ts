/** What fleets of real hosts need, and where their tests run. */
import { skipWithoutPostfix, testsOurs } from '../../postfix/under-test.ts';
import { skipWithoutRedis } from '../redis-server.ts';
import { inOwnNetwork, skipWithoutOwnNetwork } from './own-network.ts';

/** Why there can be no such fleet, or false. */
export const skipWithoutHosts: string | false =
  skipWithoutPostfix ||
  skipWithoutRedis ||
  skipWithoutOwnNetwork ||
  (!testsOurs && 'the original shares nothing');

/** Whether the tests of this file are for this process: otherwise another one has run them. */
export function runsHere(file: string): boolean {
  return skipWithoutHosts !== false || inOwnNetwork(file);
}
