/**
 * Which format of metrics a request's Accept header asks for: OpenMetrics where
 * it is named and not less wanted than plain text. RFC 9110 12.5.1.
 */
import type { Format } from './exposition.ts';

const openMetrics = 'application/openmetrics-text';
const plain = ['text/plain', 'text/*', '*/*'];

export function acceptedFormat(accept: string | undefined): Format {
  const wanted = new Map<string, number>();
  for (const part of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase());
    const version = parameters.find((text) => text.startsWith('version='));
    if (type === openMetrics && version !== undefined && version !== 'version=1.0.0') {
      continue;
    }
    const quality = parameters.find((text) => text.startsWith('q='))?.slice(2);
    const weight = quality === undefined ? 1 : Number(quality);
    wanted.set(type, Math.max(wanted.get(type) ?? 0, weight > 0 && weight <= 1 ? weight : 0));
  }
  const text = plain.map((type) => wanted.get(type)).find((weight) => weight !== undefined) ?? 0;
  const open = wanted.get(openMetrics) ?? 0;
  return open > 0 && open >= text ? 'openmetrics' : 'text';
}
