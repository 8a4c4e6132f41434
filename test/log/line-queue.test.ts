import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { LineQueue } from '../../src/log/line-queue.ts';

const head = Buffer.from('head: ');
const terminator = 10;

function textOfOldest(queue: LineQueue): string {
  const { bytes, bounds, first } = queue.oldest;
  return bytes.toString('utf8', bounds[first], bounds[first + 1]);
}

/** Takes the oldest line as a channel does that sends one. */
function send(queue: LineQueue): string {
  const text = textOfOldest(queue);
  queue.oldest.first += 1;
  queue.settle();
  return text;
}

describe('the queue of log lines', () => {
  test('keeps the order across its blocks of memory', () => {
    const queue = new LineQueue(Infinity);
    const lines = 5000;
    for (let number = 0; number < lines; number += 1) {
      queue.push(head, `${number} é`, terminator);
    }
    assert.equal(queue.count, lines);
    for (let number = 0; number < lines; number += 1) {
      assert.equal(send(queue), `head: ${number} é\n`);
    }
    assert.equal(queue.count, 0);
  });

  test('takes lines of the longest text', () => {
    const queue = new LineQueue(Infinity);
    for (let number = 0; number < 100; number += 1) {
      queue.push(head, '\uffff'.repeat(2000), terminator);
    }
    for (let number = 0; number < 100; number += 1) {
      assert.equal(send(queue), `head: ${'\uffff'.repeat(2000)}\n`);
    }
  });

  test('uses its memory again, whether lines are sent or dropped', () => {
    const limitBytes = 1_000_000;
    const queue = new LineQueue(limitBytes);
    const text = 'x'.repeat(100);
    let filledBytes = 0;
    for (let number = 0; number < 200_000; number += 1) {
      queue.push(head, text, terminator);
      queue.trim(0);
      if (number === 20_000) {
        filledBytes = process.memoryUsage().arrayBuffers;
      }
    }
    const moreBytes = process.memoryUsage().arrayBuffers - filledBytes;
    assert.ok(moreBytes < limitBytes, `${moreBytes} bytes more`);
    assert.equal(queue.count, Math.floor(limitBytes / (head.length + text.length + 1)));
  });

  test('is that of a list, whatever is pushed, sent, dropped and taken out', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 2000 }) },
      { weight: 2, arbitrary: fc.constant('send' as const) },
      { weight: 1, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constant('trim' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const limitBytes = 100_000;
        const queue = new LineQueue(limitBytes);
        const model: string[] = [];
        let pushed = 0;
        for (const action of steps) {
          if (typeof action === 'number') {
            const text = `${pushed} ${'y'.repeat(action)}`;
            pushed += 1;
            queue.push(head, text, terminator);
            model.push(`head: ${text}\n`);
          } else if (action === 'trim') {
            let dropped = 0;
            while (model.join('').length > limitBytes && model.length > 1) {
              model.shift();
              dropped += 1;
            }
            assert.equal(queue.trim(0), dropped);
          } else if (model.length > 0 && action === 'send') {
            assert.equal(send(queue), model.shift());
          } else if (model.length > 0) {
            const taken = queue.takeOldest();
            assert.equal(taken.bytes.toString(), model.shift());
            assert.equal(taken.end, 1);
          }
          assert.equal(queue.count, model.length);
        }
        for (const line of model) {
          assert.equal(send(queue), line);
        }
      }),
      { numRuns: 200 },
    );
  });
});
