import { describe, expect, it } from 'vitest';
import { whyNoInterval } from '../interval/index.ts';
import { seededRandom } from '../random.ts';
import {
  type Edit,
  editKey,
  ffnEdit,
  modulationEdit,
  RUN_REPLACEMENTS,
  type RunReplacement,
  runEdit,
  runsOf,
  textStreamEdit,
} from './edit.ts';
import { canRedo, canUndo } from './history.ts';
import { reduceSelection, type Selection, type SelectionAction, selectionOf } from './selection.ts';

const BLOCKS = { numBlocks: 16 };
const acting = (start: Selection, ...actions: SelectionAction[]): Selection =>
  actions.reduce((selection, action) => reduceSelection(selection, action, BLOCKS), start);
const run = (first: number, last: number, by: RunReplacement = 'nothing') => runEdit({ first, last }, by);
const first = run(2, 4);
const second = run(8, 11);

describe('the choice', () => {
  it('undoes and redoes step by step', () => {
    const chosen = acting(selectionOf([]), { type: 'add', edit: first }, { type: 'add', edit: second });
    const undone = acting(chosen, { type: 'undo' });
    expect(undone.present).toEqual([first]);
    expect(acting(undone, { type: 'undo' }).present).toEqual([]);
    expect(acting(undone, { type: 'redo' }).present).toEqual([first, second]);
  });

  it('forgets what was undone once something else is chosen', () => {
    const undone = acting(selectionOf([]), { type: 'add', edit: first }, { type: 'undo' });
    expect(canRedo(undone)).toBe(true);
    const chosen = acting(undone, { type: 'add', edit: second });
    expect(canRedo(chosen)).toBe(false);
    expect(acting(chosen, { type: 'redo' })).toBe(chosen);
  });

  it('undoes a whole drag of an edge in one step, and the next drag on its own', () => {
    const drag = (block: number, gesture: string): SelectionAction => ({
      type: 'move-edge',
      interval: second,
      edge: 'last',
      block,
      gesture,
    });
    const dragged = acting(selectionOf([second]), drag(12, 'a'), drag(13, 'a'), drag(14, 'a'));
    expect(dragged.present).toEqual([run(8, 14)]);
    expect(acting(dragged, { type: 'undo' }).present).toEqual([second]);
    const again = acting(dragged, drag(12, 'b'), { type: 'undo' });
    expect(again.present).toEqual([run(8, 14)]);
  });

  it('records no step when nothing changes', () => {
    const start = selectionOf([first]);
    expect(acting(start, { type: 'add', edit: first })).toBe(start);
    expect(acting(start, { type: 'remove', interval: second })).toBe(start);
    expect(acting(start, { type: 'choose', edits: [{ ...first }] })).toBe(start);
    expect(acting(start, { type: 'replace-by', by: 'nothing' })).toBe(start);
    expect(acting(start, { type: 'replace-by', by: 'probes', interval: second })).toBe(start);
    expect(acting(start, { type: 'undo' })).toBe(start);
  });

  it('clears in one step that can be undone', () => {
    const cleared = acting(selectionOf([first, second]), { type: 'clear' });
    expect(cleared.present).toEqual([]);
    expect(acting(cleared, { type: 'undo' }).present).toEqual([first, second]);
  });

  it('keeps a bounded past', () => {
    let selection = selectionOf([]);
    for (let i = 0; i < 500; i++) selection = reduceSelection(selection, { type: 'toggle', edit: first }, BLOCKS);
    expect(selection.past.length).toBeLessThanOrEqual(200);
    expect(canUndo(selection)).toBe(true);
  });
});

describe('what replaces a run', () => {
  const mixed = selectionOf([run(0, 3, 'probes'), run(6, 9, 'student'), run(12, 13)]);

  it('stays with it when it is shifted, when an edge moves and when another run is chosen', () => {
    const shifted = acting(mixed, { type: 'shift', interval: { first: 6, last: 9 }, by: 1 });
    expect(shifted.present[1]).toEqual(run(7, 10, 'student'));
    const moved = acting(mixed, { type: 'move-edge', interval: { first: 0, last: 3 }, edge: 'last', block: 4 });
    expect(moved.present[0]).toEqual(run(0, 4, 'probes'));
    const added = acting(mixed, { type: 'add', edit: run(14, 15, 'student') });
    expect(added.present).toEqual([...mixed.present, run(14, 15, 'student')]);
    const without = acting(mixed, { type: 'toggle', edit: run(12, 13, 'probes') });
    expect(without.present).toEqual(mixed.present.slice(0, 2));
  });

  it('stays with both pieces of a run that another is drawn into', () => {
    const carved = acting(selectionOf([run(2, 11, 'probes')]), { type: 'add', edit: run(5, 7, 'student') });
    expect(carved.present).toEqual([run(2, 4, 'probes'), run(5, 7, 'student'), run(8, 11, 'probes')]);
  });

  it('is changed for one run or for all, each a step to undo', () => {
    const one = acting(mixed, { type: 'replace-by', by: 'nothing', interval: { first: 6, last: 9 } });
    expect(runsOf(one.present).map(({ by }) => by)).toEqual(['probes', 'nothing', 'nothing']);
    const all = acting(one, { type: 'replace-by', by: 'student' });
    expect(runsOf(all.present).map(({ by }) => by)).toEqual(['student', 'student', 'student']);
    expect(acting(all, { type: 'undo' }).present).toEqual(one.present);
    expect(acting(all, { type: 'undo' }, { type: 'undo' }).present).toEqual(mixed.present);
    expect(acting(all, { type: 'undo' }, { type: 'redo' }).present).toEqual(all.present);
  });
});

it('is sorted, disjoint and of true intervals after any sequence of actions', () => {
  const random = seededRandom(11);
  let selection = selectionOf([]);
  const oneOf = <T>(values: readonly T[]): T => values[random.integer(values.length)]!;
  const end = () => random.integer(BLOCKS.numBlocks + 4) - 2;
  const anyRun = () => run(end(), end(), oneOf(RUN_REPLACEMENTS));
  for (let i = 0; i < 3000; i++) {
    const chosen = runsOf(selection.present)[random.integer(selection.present.length + 1)] ?? anyRun();
    const actions: SelectionAction[] = [
      { type: 'add', edit: anyRun() },
      { type: 'toggle', edit: random.uniform() < 0.5 ? chosen : anyRun() },
      { type: 'remove', interval: chosen },
      { type: 'replace-by', by: oneOf(RUN_REPLACEMENTS), interval: chosen },
      { type: 'shift', interval: chosen, by: random.integer(9) - 4 },
      { type: 'move-edge', interval: chosen, edge: 'first', block: random.integer(BLOCKS.numBlocks) },
      { type: 'move-edge', interval: chosen, edge: 'last', block: random.integer(BLOCKS.numBlocks) },
      { type: 'undo' },
      { type: 'redo' },
    ];
    selection = reduceSelection(selection, oneOf(actions), BLOCKS);
    runsOf(selection.present).forEach((edit, at, runs) => {
      expect(whyNoInterval(edit, BLOCKS)).toBeNull();
      expect(edit.first).toBeGreaterThan(runs[at - 1]?.last ?? -1);
      expect(Object.keys(edit).sort()).toEqual(['by', 'first', 'last', 'on']);
    });
  }
});

describe('what makes blocks narrower', () => {
  const MODEL = { ...BLOCKS, width: 64, textStream: 'text', whyNot: () => null };
  const made = (edits: readonly Edit[], ...actions: SelectionAction[]) =>
    actions.reduce((selection, action) => reduceSelection(selection, action, MODEL), selectionOf(edits));
  const keys = (selection: Selection) => selection.present.map(editKey);
  const group = (from: number, to: number) => textStreamEdit({ first: from, last: to });

  it('is chosen beside runs in one history', () => {
    const chosen = made(
      [run(2, 4)],
      { type: 'add', edit: group(8, 10) },
      { type: 'toggle', edit: ffnEdit(0, 'image') },
      { type: 'add', edit: modulationEdit({ rank: 8 }) },
      { type: 'add', edit: modulationEdit({ rank: 4 }) },
    );
    expect(keys(chosen)).toEqual(['0 image ffn', 'modulation rank 4', '2-4 nothing', '8-10 text']);
    const back = [1, 2, 3, 4].reduce((selection) => reduceSelection(selection, { type: 'undo' }, MODEL), chosen);
    expect(keys(back)).toEqual(['2-4 nothing']);
    expect(keys(reduceSelection(chosen, { type: 'toggle', edit: ffnEdit(0, 'image') }, MODEL))).not.toContain(
      '0 image ffn',
    );
  });

  it('has text groups that are drawn over, moved and removed like runs', () => {
    const carved = made([group(2, 9)], { type: 'add', edit: group(5, 6) });
    expect(keys(carved)).toEqual(['2-4 text', '5-6 text', '7-9 text']);
    const on = 'text-stream' as const;
    expect(keys(made([group(2, 9)], { type: 'move-edge', on, interval: group(2, 9), edge: 'last', block: 7 }))).toEqual(
      ['2-7 text'],
    );
    expect(keys(made([group(2, 9)], { type: 'remove', on, interval: group(2, 9) }))).toEqual([]);
    // Of runs, unless it says otherwise.
    expect(keys(made([group(2, 9)], { type: 'remove', interval: group(2, 9) }))).toEqual(['2-9 text']);
  });

  it('goes with the blocks and the text that another edit takes away', () => {
    const ffns = [ffnEdit(2, 'image'), ffnEdit(3, 'image'), ffnEdit(3, 'text')];
    expect(keys(made(ffns, { type: 'add', edit: run(2, 4) }))).toEqual(['2-4 nothing', '2 image ffn']);
    expect(keys(made(ffns, { type: 'add', edit: group(2, 4) }))).toEqual(['2-4 text', '2 image ffn', '3 image ffn']);
    const shared = [modulationEdit({ rank: 4 }, [1, 3])];
    expect(keys(made(shared, { type: 'add', edit: run(2, 4) }))).toEqual(['1 modulation rank 4', '2-4 nothing']);
  });

  it('drops text layers of the block that a run makes the last, in a model whose last block gives no text', () => {
    const model = { ...MODEL, endsWithout: ['text'] };
    const both = selectionOf([ffnEdit(12, 'image'), ffnEdit(12, 'text')]);
    const added = (last: number) =>
      reduceSelection(both, { type: 'add', edit: run(12, last) }, model).present.map(editKey);
    expect(added(15)).toEqual(['12-15 nothing', '12 image ffn']);
    expect(added(14)).toEqual(['12-14 nothing', '12 image ffn', '12 text ffn']);
  });

  it.each([
    ['a group over the edge of a run', [run(4, 8)], group(6, 10), /text group 6-10 and the run 4-8 clash/],
    ['a run over the edge of a group', [group(6, 10)], run(4, 8), /text group 6-10 and the run 4-8 clash/],
    ['layers of a block that is gone', [run(4, 8)], ffnEdit(6, 'image'), /run 4-8 takes the block away/],
    ['text layers in a group', [group(4, 8)], ffnEdit(6, 'text'), /text group 4-8 removes the block’s text layers/],
    ['a rank above the width', [], modulationEdit({ rank: 65 }), /1 to 64, the width of the model/],
  ] as const)('is refused as %s, and nothing is lost', (_, edits, edit, message) => {
    expect(() => made(edits, { type: 'add', edit })).toThrow(message);
  });

  it('stays beside other runs where it goes with them, whatever a drag of the slider passes', () => {
    const narrower = [group(4, 6), ffnEdit(9, 'image')];
    const gesture = 'slider 1';
    const passed = made(narrower, { type: 'choose-runs', edits: [run(5, 10)], gesture });
    expect(keys(passed)).toEqual(['5-10 nothing']);
    const settled = reduceSelection(passed, { type: 'choose-runs', edits: [run(8, 9)], gesture }, MODEL);
    expect(keys(settled)).toEqual(['4-6 text', '8-9 nothing']);
    expect(keys(reduceSelection(settled, { type: 'undo' }, MODEL))).toEqual(['4-6 text', '9 image ffn']);
  });

  it('is replaced kind by kind', () => {
    const edits = [ffnEdit(2, 'image'), group(4, 6), run(8, 9)];
    const other = [ffnEdit(3, 'text'), ffnEdit(5, 'text'), ffnEdit(9, 'image')];
    expect(keys(made(edits, { type: 'choose-narrower', on: 'ffn', edits: other }))).toEqual([
      '3 text ffn',
      '4-6 text',
      '8-9 nothing',
    ]);
  });
});
