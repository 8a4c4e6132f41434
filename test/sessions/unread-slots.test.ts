/** What each call does to the slots that are still to be read back, in each of their states. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ManifestEntry } from '../../src/sessions/file/manifest.ts';
import { SegmentCopies } from '../../src/sessions/file/segment-copy.ts';
import { SlotTable } from '../../src/sessions/file/slot-table.ts';
import { type ReadingState, UnreadSlots } from '../../src/sessions/file/unread-slots.ts';
import { SegmentPool } from '../../src/sessions/memory/segment.ts';
import { span } from '../contracts/session-cache.ts';

const entries: ManifestEntry[] = [0, 1, 2].map((slot) => ({
  slot,
  bytes: 100,
  writeNumber: slot + 1,
  lastArrival: slot + 1,
  frames: 1,
  deadFrames: 0,
}));

interface Stage {
  unread: UnreadSlots;
  slots: SlotTable;
  copies: SegmentCopies;
}

function stage(): Stage {
  const noFile = -1;
  const slots = new SlotTable(noFile, 4096, 0, 3);
  const copies = new SegmentCopies();
  return { slots, copies, unread: new UnreadSlots(slots, copies) };
}

/** Brings the slots into each state. */
const reach: Record<ReadingState, (made: Stage) => void> = {
  none: () => {},
  reading: ({ unread }) => unread.expect(entries),
  forgotten: (made) => {
    reach.reading(made);
    made.unread.forget();
  },
  closed: (made) => {
    reach.reading(made);
    made.unread.close();
  },
};

function adopt({ unread, copies }: Stage, rejected: number[]): void {
  const segment = new SegmentPool(4096, 4).take()!;
  segment.used = 64;
  const position = { writeNumber: 1, slotBytes: 100, frames: 1, deadFrames: 0 };
  const read = { records: [], deaths: new Set<number>(), position, damaged: false };
  const isBehind = unread.adopt(entries[0]!, segment, { ...read, wantsRewrite: false }, rejected);
  assert.equal(isBehind, rejected.length > 0);
  const { slot, writtenOffset, unwrittenDeaths } = copies.of(segment);
  assert.deepEqual(
    { slot, writtenOffset, unwrittenDeaths },
    {
      slot: 0,
      writtenOffset: 64,
      unwrittenDeaths: rejected,
    },
  );
}

const calls: Record<string, (made: Stage) => void> = {
  'an id is deleted': ({ unread }) => unread.deleted(span('id')),
  'all is forgotten': ({ unread }) => unread.forget(),
  'a slot is adopted': (made) => adopt(made, []),
  'a slot is adopted in part': (made) => adopt(made, [1]),
  'a slot is dropped': ({ unread }) => unread.drop(0),
  'reading ends': ({ unread }) => unread.end(),
  closed: ({ unread }) => unread.close(),
};

interface After {
  state?: ReadingState;
  /** Slots that a manifest lists. */
  listed?: number[];
  /** Slots that are to be free. */
  retired?: number[];
  wasDeleted?: boolean;
}

const unchanged: Record<ReadingState, Required<After>> = {
  none: { state: 'none', listed: [], retired: [], wasDeleted: false },
  reading: { state: 'reading', listed: [0, 1, 2], retired: [], wasDeleted: false },
  forgotten: { state: 'forgotten', listed: [], retired: [], wasDeleted: false },
  closed: { state: 'closed', listed: [], retired: [], wasDeleted: false },
};

/** What isn't named stays as it is. */
const after: Record<ReadingState, Partial<Record<string, After>>> = {
  none: { closed: { state: 'closed' } },
  reading: {
    'an id is deleted': { listed: [], wasDeleted: true },
    'all is forgotten': { state: 'forgotten', listed: [] },
    'a slot is adopted': { listed: [1, 2] },
    'a slot is adopted in part': { listed: [1, 2] },
    'a slot is dropped': { listed: [1, 2], retired: [0] },
    'reading ends': { state: 'none', listed: [], retired: [0, 1, 2] },
    closed: { state: 'closed', listed: [] },
  },
  forgotten: {
    'an id is deleted': { wasDeleted: true },
    'a slot is dropped': { retired: [0] },
    'reading ends': { state: 'none', retired: [0, 1, 2] },
    closed: { state: 'closed' },
  },
  closed: {},
};

/** A slot that was never expected can't be adopted or dropped; a closed mirror takes in nothing. */
const impossible: Partial<Record<ReadingState, readonly string[]>> = {
  none: ['a slot is adopted', 'a slot is adopted in part', 'a slot is dropped'],
  closed: ['a slot is adopted', 'a slot is adopted in part', 'a slot is dropped'],
};

void describe('slots to be read back', () => {
  for (const from of Object.keys(reach) as ReadingState[]) {
    for (const [call, happen] of Object.entries(calls)) {
      if (impossible[from]?.includes(call) === true) {
        continue;
      }
      const expected = { ...unchanged[from], ...after[from][call] };
      void test(`${from}, ${call}: ${expected.state}`, () => {
        const made = stage();
        const { unread, slots } = made;
        reach[from](made);
        assert.equal(unread.state, from);
        happen(made);
        assert.deepEqual(
          {
            state: unread.state,
            listed: unread.listed().map(({ slot }) => slot),
            retired: slots.retired.map(({ slot }) => slot),
            wasDeleted: unread.wasDeleted(span('id')),
          },
          expected,
        );
        assert.equal(unread.isReading, ['reading', 'forgotten'].includes(expected.state));
      });
    }

    void test(`${from}: slots can${from === 'none' ? '' : "'t"} be expected`, () => {
      const made = stage();
      reach[from](made);
      if (from === 'none') {
        made.unread.expect([]);
        assert.equal(made.unread.state, 'reading');
      } else {
        assert.throws(() => made.unread.expect([]), /to be read back/u);
      }
    });
  }
});
