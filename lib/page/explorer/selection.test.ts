import { beforeEach, describe, expect, it } from 'vitest';
import { beginSelection, choose, gestureName, selectionStore, watchGestures } from './selection.ts';

const chosen = () => selectionStore.getState().selection.present;
const target = new EventTarget();

describe('the choice on the page', () => {
  beforeEach(() => beginSelection({ numBlocks: 16 }, []));

  it('undoes one drag of an edge in one step, and the next drag in its own', () => {
    const stop = watchGestures(target);
    choose({ type: 'add', interval: { first: 3, last: 5 } });
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
    choose({ type: 'add', interval: { first: 3, last: 5 } });
    beginSelection({ numBlocks: 8 }, [{ first: 0, last: 1 }]);
    choose({ type: 'undo' });
    expect(chosen()).toEqual([{ first: 0, last: 1 }]);
    choose({ type: 'add', interval: { first: 6, last: 12 } });
    expect(chosen()).toEqual([
      { first: 0, last: 1 },
      { first: 6, last: 7 },
    ]);
  });
});
