/** The table of metrics, docs/metrics.md and the examples name the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { metrics } from '../../src/metrics/table.ts';

const root = join(import.meta.dirname, '../..');

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** What a metric looks like in the output: a histogram has three. */
const series = new Set(
  metrics.flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

describe('the table of metrics', () => {
  test('is the table of docs/metrics.md', () => {
    const rows = read('docs/metrics.md').matchAll(
      /^\| `([a-z\d_]+)(?:\{([a-z,]+)\})?` \| (\w+) \| (.+) \|$/gmu,
    );
    assert.deepEqual(
      [...rows].map(([, name, labels = '', type, help]) => [name, labels, type, help]),
      metrics.map(({ name, labels, type, help }) => [name, labels.join(','), type, help]),
    );
  });

  test("follows Prometheus' conventions of names", () => {
    for (const { name, type } of metrics) {
      assert.match(name, /^(?:tlsmgr|process)(?:_[a-z\d]+)+$/u);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      assert.doesNotMatch(name, /_(?:ms|milliseconds|kb|mb|percent|ratio)(?:_|$)/u);
    }
    assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length);
  });

  for (const path of ['examples/prometheus/tlsmgr.rules.yml', 'examples/grafana/tlsmgr.json']) {
    test(`${path} asks for nothing else`, () => {
      const named = read(path).match(/\b(?:tlsmgr|process)_[a-z\d_]+\b/gu) ?? [];
      assert.ok(named.length > 10);
      assert.deepEqual(
        named.filter((name) => !series.has(name) && !name.startsWith('tls_')),
        [],
      );
    });
  }

  test('each legend of the dashboard names the instance, and each query keeps it apart', () => {
    const text = read('examples/grafana/tlsmgr.json');
    const legends = [...text.matchAll(/"legendFormat": "([^"]*)"/gu)].map(([, legend]) => legend!);
    assert.ok(legends.length > 10);
    assert.deepEqual(
      legends.filter((legend) => !legend.startsWith('{{instance}}')),
      [],
    );
    assert.doesNotMatch(text, /\bsum ?(?:\(|by \((?!instance\b))/u);
  });

  test('every alert of the rules is explained in docs/metrics.md', () => {
    const alerts = [...read('examples/prometheus/tlsmgr.rules.yml').matchAll(/alert: (\w+)/gu)];
    const explained = [...read('docs/metrics.md').matchAll(/^\| `(Tlsmgr\w+)` \|/gmu)];
    assert.deepEqual(
      explained.map(([, name]) => name),
      alerts.map(([, name]) => name),
    );
  });
});
