/**
 * The table of every parameter that tlsmgr reads. Parsing, checks, `tlsmgr
 * config`, docs/parameters.md and the manual page are made from it. Its rows
 * stand in parameters/: each in the record whose values become a part of Config.
 */
import { type CacheName, cachesNamed } from './cache-names.ts';
import { type Parameter, parameterGroups } from './parameter.ts';
import { cacheFileRows, cacheListRows, cacheRows } from './parameters/caches.ts';
import {
  checkedOnlyRows,
  generalRows,
  identityRows,
  logRows,
  placeRows,
  postlogRows,
  uncheckedRows,
} from './parameters/common.ts';
import { fleetRows } from './parameters/fleet.ts';
import { randomRows } from './parameters/random.ts';
import { limitRows, metricsRows, serviceRows } from './parameters/service.ts';

/** Values of these are members of Config itself. */
export const topRows = {
  ...cacheFileRows,
  ...serviceRows,
  ...metricsRows,
  ...placeRows,
  ...generalRows,
};

const others: readonly Parameter[] = [
  ...Object.values<Parameter>(cacheListRows),
  ...Object.values<Parameter>(cacheFileRows),
  ...Object.values<Parameter>(randomRows),
  ...Object.values<Parameter>(serviceRows),
  ...Object.values<Parameter>(limitRows),
  ...Object.values<Parameter>(metricsRows),
  ...Object.values<Parameter>(fleetRows),
  ...Object.values<Parameter>(placeRows),
  ...Object.values<Parameter>(generalRows),
  ...Object.values<Parameter>(logRows),
  ...Object.values<Parameter>(identityRows),
  ...Object.values<Parameter>(postlogRows),
  ...checkedOnlyRows,
  ...uncheckedRows,
];

/** All of them where these caches are named, in the order in which they are shown. */
export function parametersFor(caches: Iterable<CacheName>): readonly Parameter[] {
  return [
    ...cachesNamed(caches).flatMap((cache) => Object.values<Parameter>(cacheRows(cache))),
    ...others,
  ].toSorted((one, other) => groupRank(one) - groupRank(other));
}

/** Those that there are without a name in tlsmgr_session_caches. */
export const parameters = parametersFor([]);

const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));

/** One of `parameters`. */
export function findParameter(name: string): Parameter | undefined {
  return byName.get(name);
}

function groupRank({ group }: Parameter): number {
  return parameterGroups.indexOf(group);
}
