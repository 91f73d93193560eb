import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onEndSignal } from './end-signals.ts';

function listening() {
  const emitter = new EventEmitter();
  const heard: string[] = [];
  let at = 0;
  onEndSignal(
    ['SIGINT', 'SIGTERM'],
    () => heard.push('in order'),
    () => heard.push('at once'),
    { emitter, now: () => at },
  );
  return {
    heard,
    signal(name: NodeJS.Signals, atMs: number) {
      at = atMs;
      emitter.emit(name);
    },
  };
}

describe('a signal that asks a process to end', () => {
  it('is one request where npm passes on what the terminal sent already', () => {
    const { heard, signal } = listening();
    signal('SIGINT', 0);
    signal('SIGINT', 3);
    signal('SIGTERM', 900);
    expect(heard).toEqual(['in order']);
  });

  it('asks for an end at once when it comes again later, whichever it is', () => {
    const { heard, signal } = listening();
    signal('SIGINT', 0);
    signal('SIGTERM', 1_500);
    expect(heard).toEqual(['in order', 'at once']);
  });
});
