import type { Target } from '../target.ts';
import { cacheFileTarget } from './cache-file.ts';
import { decoderTarget } from './decoder.ts';
import { mainCfTarget } from './main-cf.ts';
import { optionsTarget } from './options.ts';
import { serviceTarget } from './service.ts';
import { sessionTarget } from './session.ts';
import { egdTarget, keyFileTarget, valuesTarget } from './small-formats.ts';

export const targets: readonly Target[] = [
  decoderTarget,
  valuesTarget,
  serviceTarget,
  mainCfTarget,
  optionsTarget,
  sessionTarget,
  cacheFileTarget,
  keyFileTarget,
  egdTarget,
];
