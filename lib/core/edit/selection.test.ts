import { describe, expect, it } from 'vitest';
import { canRedo, canUndo } from './history.ts';
import { reduceSelection, type Selection, type SelectionAction, selectionOf } from './selection.ts';

const BLOCKS = { numBlocks: 16 };
const acting = (start: Selection, ...actions: SelectionAction[]): Selection =>
  actions.reduce((selection, action) => reduceSelection(selection, action, BLOCKS), start);
const first = { first: 2, last: 4 };
const second = { first: 8, last: 11 };

describe('the choice', () => {
  it('undoes and redoes step by step', () => {
    const chosen = acting(selectionOf([]), { type: 'add', interval: first }, { type: 'add', interval: second });
    const undone = acting(chosen, { type: 'undo' });
    expect(undone.present).toEqual([first]);
    expect(acting(undone, { type: 'undo' }).present).toEqual([]);
    expect(acting(undone, { type: 'redo' }).present).toEqual([first, second]);
  });

  it('forgets what was undone once something else is chosen', () => {
    const undone = acting(selectionOf([]), { type: 'add', interval: first }, { type: 'undo' });
    expect(canRedo(undone)).toBe(true);
    const chosen = acting(undone, { type: 'add', interval: second });
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
    expect(dragged.present).toEqual([{ first: 8, last: 14 }]);
    expect(acting(dragged, { type: 'undo' }).present).toEqual([second]);
    const again = acting(dragged, drag(12, 'b'), { type: 'undo' });
    expect(again.present).toEqual([{ first: 8, last: 14 }]);
  });

  it('records no step when nothing changes', () => {
    const start = selectionOf([first]);
    expect(acting(start, { type: 'add', interval: first })).toBe(start);
    expect(acting(start, { type: 'remove', interval: second })).toBe(start);
    expect(acting(start, { type: 'choose', intervals: [{ ...first }] })).toBe(start);
    expect(acting(start, { type: 'undo' })).toBe(start);
  });

  it('clears in one step that can be undone', () => {
    const cleared = acting(selectionOf([first, second]), { type: 'clear' });
    expect(cleared.present).toEqual([]);
    expect(acting(cleared, { type: 'undo' }).present).toEqual([first, second]);
  });

  it('keeps a bounded past', () => {
    let selection = selectionOf([]);
    for (let i = 0; i < 500; i++) selection = reduceSelection(selection, { type: 'toggle', interval: first }, BLOCKS);
    expect(selection.past.length).toBeLessThanOrEqual(200);
    expect(canUndo(selection)).toBe(true);
  });
});
