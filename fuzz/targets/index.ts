import type { Target } from '../target.ts';
import { plainCacheFileTarget, sealedCacheFileTarget } from './cache-file.ts';
import { decoderTarget } from './decoder.ts';
import { fleetSecretTarget, sealedValueTarget } from './fleet.ts';
import { engineFileTarget } from './engine-file.ts';
import { forgedCacheFileTarget } from './forged-cache-file.ts';
import { heartbeatTarget } from './heartbeat.ts';
import { httpTarget } from './http.ts';
import { mainCfTarget } from './main-cf.ts';
import { optionsTarget } from './options.ts';
import { serviceTarget } from './service.ts';
import { sessionTarget } from './session.ts';
import { egdTarget, keyFileTarget, valuesTarget } from './small-formats.ts';
import { ticketKeyValueTarget } from './ticket-key-value.ts';

export const targets: readonly Target[] = [
  decoderTarget,
  valuesTarget,
  serviceTarget,
  mainCfTarget,
  optionsTarget,
  sessionTarget,
  plainCacheFileTarget,
  sealedCacheFileTarget,
  forgedCacheFileTarget,
  keyFileTarget,
  ticketKeyValueTarget,
  fleetSecretTarget,
  sealedValueTarget,
  egdTarget,
  httpTarget,
  heartbeatTarget,
  engineFileTarget,
];
