import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Counters, History } from '../../src/report/history.ts';
import {
  percentileSeconds,
  ServiceTimes,
  serviceTimeBounds,
} from '../../src/socket/service-times.ts';
import { TestClock } from '../log/scratch.ts';

function setUp() {
  const clock = new TestClock();
  const counters: Counters = {
    requests: 0,
    byName: { lookup: { ok: 0, error: 0, fail: 0 } },
    hits: 0,
    misses: 0,
    evicted: { smtpd: 0, smtp: 0, lmtp: 0 },
    accepted: 0,
    serviceTimes: new Float64Array(serviceTimeBounds.length + 1),
  };
  const history = new History(() => structuredClone(counters), clock);
  /** Five seconds with so many look-ups, of which so many hit, timed in this bucket. */
  const pass = (lookups: number, hits: number, bucket: number): void => {
    counters.requests += lookups;
    counters.byName['lookup']!.ok += lookups;
    counters.hits += hits;
    counters.misses += lookups - hits;
    counters.accepted += 1;
    (counters.serviceTimes as Float64Array)[bucket]! += lookups;
    clock.ms += 5000;
    history.sample();
  };
  return { clock, counters, history, pass };
}

describe('the last five minutes', () => {
  test('a process that has just started has rates and no points', () => {
    const { history, clock } = setUp();
    clock.ms += 2000;
    assert.deepEqual(history.report().points, []);
    assert.deepEqual(history.rates(), {
      overSeconds: 2,
      requestsPerSecond: 0,
      connectionsPerSecond: 0,
      byName: { lookup: 0 },
      hitRatio: null,
      p50Seconds: null,
      p99Seconds: null,
    });
  });

  test('in the first second rates are those of one second', () => {
    const { history, counters, clock } = setUp();
    clock.ms += 9;
    counters.requests += 3;
    counters.accepted += 1;
    counters.byName['lookup']!.ok += 3;
    const { overSeconds, requestsPerSecond, connectionsPerSecond, byName } = history.rates();
    assert.deepEqual([overSeconds, requestsPerSecond, connectionsPerSecond], [1, 3, 1]);
    assert.equal(byName['lookup'], 3);
  });

  test('rates are those of the last minute', () => {
    const { history, pass } = setUp();
    pass(1_000_000, 0, 4);
    for (let round = 0; round < 12; round += 1) {
      pass(50, 40, 0);
    }
    const rates = history.rates();
    assert.equal(rates.overSeconds, 60);
    assert.equal(rates.requestsPerSecond, 10);
    assert.equal(rates.byName['lookup'], 10);
    assert.equal(rates.hitRatio, 0.8);
    assert.equal(rates.p99Seconds, 0.00001);
    assert.equal(rates.connectionsPerSecond, 0.2);
  });

  test('points are oldest first, five minutes of them and no more', () => {
    const { history, pass, clock } = setUp();
    for (let round = 0; round < 200; round += 1) {
      pass(round * 5, 0, 1);
    }
    clock.ms += 1000;
    const { points, everySeconds } = history.report();
    assert.equal(everySeconds, 5);
    assert.equal(points.length, 60);
    assert.deepEqual(points.at(-1), {
      ageSeconds: 1,
      requestsPerSecond: 199,
      connectionsPerSecond: 0.2,
      hitRatio: 0,
      p99Seconds: 0.00002,
    });
    assert.equal(points[0]!.requestsPerSecond, 140);
  });

  test('the hour has a value a minute, oldest first, sixty of them and no more', () => {
    const { history, pass, clock } = setUp();
    for (let round = 0; round < 12 * 70 + 3; round += 1) {
      const minute = Math.floor(round / 12);
      pass(minute * 5, minute, 1);
    }
    clock.ms += 1000;
    const { hour } = history.report();
    assert.equal(hour.everySeconds, 60);
    assert.equal(hour.ageSeconds, 16);
    const minutes = Array.from({ length: 60 }, (_, index) => index + 10);
    assert.deepEqual(hour.requestsPerSecond, minutes);
    assert.deepEqual(new Set(hour.connectionsPerSecond), new Set([0.2]));
    assert.deepEqual(new Set(hour.hitRatio), new Set([0.2]));
    assert.deepEqual(new Set(hour.p99Seconds), new Set([0.00002]));
    assert.equal(hour.p99Seconds.length, 60);
  });

  test('evictions count while they are within the five minutes', () => {
    const { history, counters, pass } = setUp();
    counters.evicted = { smtpd: 0, smtp: 7, lmtp: 0 };
    assert.equal(history.evictedOfLate('smtp'), 7);
    assert.equal(history.evictedOfLate('smtpd'), 0);
    for (let round = 0; round < 61; round += 1) {
      pass(0, 0, 0);
    }
    assert.equal(history.evictedOfLate('smtp'), 0);
  });
});

describe('service times', () => {
  test('one read in thirty-two is timed', () => {
    const times = new ServiceTimes();
    let timed = 0;
    for (let read = 0; read < 320; read += 1) {
      const beganMs = times.begin();
      if (beganMs !== 0) {
        timed += 1;
        times.end(beganMs);
      }
    }
    assert.equal(timed, 10);
    const report = times.report();
    assert.equal(report.samples, 10);
    assert.equal(
      report.buckets.reduce((sum, { samples }) => sum + samples, 0),
      10,
    );
    assert.ok(report.sumSeconds > 0);
  });

  test('a percentile is the bound of its bucket', () => {
    const counts = new Float64Array(serviceTimeBounds.length + 1);
    assert.equal(percentileSeconds(counts, 0.99), undefined);
    counts[0] = 98;
    counts[3] = 1;
    counts[counts.length - 1] = 1;
    assert.equal(percentileSeconds(counts, 0.5), 0.00001);
    assert.equal(percentileSeconds(counts, 0.99), 0.0001);
    assert.equal(percentileSeconds(counts, 1), Number.POSITIVE_INFINITY);
  });
});
