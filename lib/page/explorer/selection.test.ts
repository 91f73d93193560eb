import { beforeEach, describe, expect, it } from 'vitest';
import { runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { noticeStore } from '../browser/notices.ts';
import {
  beginSelection,
  choose,
  chosenNarrower,
  chosenRuns,
  gestureName,
  newEdit,
  presentRuns,
  replaceAllBy,
  selectionStore,
  watchGestures,
} from './selection.ts';
import { DEFAULT_SETTINGS, settingsStore } from './settings.ts';

const edits = () => presentRuns();
const chosen = () => edits().map(({ first, last }) => ({ first, last }));
const replacements = () => edits().map(({ by }) => by);
const target = new EventTarget();

describe('the choice on the page', () => {
  beforeEach(() => {
    settingsStore.setState(DEFAULT_SETTINGS);
    beginSelection({ numBlocks: 16 }, []);
  });

  it('undoes one drag of an edge in one step, and the next drag in its own', () => {
    const stop = watchGestures(target);
    choose({ type: 'add', edit: newEdit({ first: 3, last: 5 }) });
    const drag = (block: number) => {
      const interval = { first: 3, last: chosen()[0]?.last ?? 0 };
      choose({ type: 'move-edge', interval, edge: 'last', block, gesture: gestureName('move last') });
    };
    drag(6);
    drag(7);
    target.dispatchEvent(new Event('pointerup'));
    drag(8);
    drag(9);
    expect(chosen()).toEqual([{ first: 3, last: 9 }]);
    choose({ type: 'undo' });
    expect(chosen()).toEqual([{ first: 3, last: 7 }]);
    choose({ type: 'undo' });
    expect(chosen()).toEqual([{ first: 3, last: 5 }]);
    stop();
  });

  it('begins anew with another model: its past is not the other one’s', () => {
    choose({ type: 'add', edit: newEdit({ first: 3, last: 5 }) });
    beginSelection({ numBlocks: 8 }, [runEdit({ first: 0, last: 1 }, 'nothing')]);
    choose({ type: 'undo' });
    expect(chosen()).toEqual([{ first: 0, last: 1 }]);
    choose({ type: 'add', edit: newEdit({ first: 6, last: 12 }) });
    expect(chosen()).toEqual([
      { first: 0, last: 1 },
      { first: 6, last: 7 },
    ]);
  });

  it('gives each run a replacement of its own, and all of them one by the page’s switch, undone in one step', () => {
    choose({ type: 'add', edit: newEdit({ first: 3, last: 5 }) });
    choose({ type: 'add', edit: newEdit({ first: 9, last: 11 }) });
    choose({ type: 'replace-by', by: 'probes', interval: { first: 3, last: 5 } });
    expect(replacements()).toEqual(['probes', 'nothing']);
    replaceAllBy('probes');
    expect(replacements()).toEqual(['probes', 'probes']);
    expect(newEdit({ first: 0, last: 1 }).by).toBe('probes');
    choose({ type: 'undo' });
    expect(replacements()).toEqual(['probes', 'nothing']);
  });

  it('takes the default back with the switch that set it', () => {
    choose({ type: 'add', edit: newEdit({ first: 3, last: 5 }) });
    replaceAllBy('probes');
    choose({ type: 'undo' });
    expect([replacements(), newEdit({ first: 0, last: 1 }).by]).toEqual([['nothing'], 'nothing']);
    choose({ type: 'redo' });
    expect([replacements(), newEdit({ first: 0, last: 1 }).by]).toEqual([['probes'], 'probes']);
    // Another step says nothing of the default.
    choose({ type: 'replace-by', by: 'nothing', interval: { first: 3, last: 5 } });
    choose({ type: 'add', edit: newEdit({ first: 9, last: 11 }) });
    choose({ type: 'undo' });
    expect(newEdit({ first: 0, last: 1 }).by).toBe('probes');
  });

  it('keeps the default where the switch is refused for one of the runs', () => {
    const model = { numBlocks: 16, width: 64, textStream: 'text', whyNot: () => null };
    const inside = runEdit({ first: 5, last: 6 }, 'nothing');
    beginSelection(model, [textStreamEdit({ first: 4, last: 8 }), inside]);
    replaceAllBy('probes');
    expect([replacements(), newEdit({ first: 0, last: 1 }).by]).toEqual([['nothing'], 'nothing']);
    choose({ type: 'remove', interval: inside });
    replaceAllBy('probes');
    expect(newEdit({ first: 0, last: 1 }).by).toBe('probes');
  });

  it('stays as it is where edits do not go together, and says which until something else is chosen', () => {
    const model = { numBlocks: 16, width: 64, textStream: 'text', whyNot: () => null };
    beginSelection(model, [textStreamEdit({ first: 4, last: 6 })]);
    const before = selectionStore.getState().selection;
    choose({ type: 'add', edit: newEdit({ first: 2, last: 4 }) });
    expect(selectionStore.getState().selection).toBe(before);
    expect(noticeStore.getState().notices.map(({ title }) => title)).toEqual([
      'The text group 4-6 and the run 2-4 clash',
    ]);
    expect(noticeStore.getState().notices[0]?.details).not.toHaveProperty('file');
    choose({ type: 'add', edit: newEdit({ first: 8, last: 9 }) });
    expect(noticeStore.getState().notices).toEqual([]);
    const state = selectionStore.getState();
    expect([chosenRuns(state).length, chosenNarrower(state).length]).toEqual([1, 1]);
    // The same arrays for as long as the choice is the same: stores compare them.
    expect(chosenRuns(state)).toBe(chosenRuns(selectionStore.getState()));
  });
});
