/**
 * The table of every parameter that tlsmgr reads. Parsing, checks, `tlsmgr
 * config`, docs/parameters.md and the manual page are made from it. Its rows
 * stand in parameters/: each in the record whose values become a part of Config.
 */
import { postfixCaches } from './cache-names.ts';
import { type Parameter, parameterGroups } from './parameter.ts';
import { cacheFileRows, cacheRows } from './parameters/caches.ts';
import {
  checkedOnlyRows,
  generalRows,
  identityRows,
  logRows,
  placeRows,
  postlogRows,
  uncheckedRows,
} from './parameters/common.ts';
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

/** In the order in which they are shown. */
export const parameters: readonly Parameter[] = [
  ...postfixCaches.flatMap((cache) => Object.values<Parameter>(cacheRows(cache))),
  ...Object.values<Parameter>(cacheFileRows),
  ...Object.values<Parameter>(randomRows),
  ...Object.values<Parameter>(serviceRows),
  ...Object.values<Parameter>(limitRows),
  ...Object.values<Parameter>(metricsRows),
  ...Object.values<Parameter>(placeRows),
  ...Object.values<Parameter>(generalRows),
  ...Object.values<Parameter>(logRows),
  ...Object.values<Parameter>(identityRows),
  ...Object.values<Parameter>(postlogRows),
  ...checkedOnlyRows,
  ...uncheckedRows,
].toSorted((one, other) => groupRank(one) - groupRank(other));

const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));

export function findParameter(name: string): Parameter | undefined {
  return byName.get(name);
}

function groupRank({ group }: Parameter): number {
  return parameterGroups.indexOf(group);
}
