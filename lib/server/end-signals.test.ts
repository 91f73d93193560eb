import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { onEndSignal } from './end-signals.ts';

function listening() {
  const emitter = new EventEmitter();
  const heard: string[] = [];
  onEndSignal(
    ['SIGINT', 'SIGTERM'],
    () => heard.push('in order'),
    () => heard.push('at once'),
    emitter,
  );
  return {
    heard,
    signal(name: NodeJS.Signals, laterMs: number) {
      vi.advanceTimersByTime(laterMs);
      emitter.emit(name);
    },
  };
}

describe('a signal that asks a process to end', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is one request where npm passes on what the terminal sent already', () => {
    const { heard, signal } = listening();
    signal('SIGINT', 0);
    signal('SIGINT', 3);
    signal('SIGTERM', 897);
    expect(heard).toEqual(['in order']);
  });

  it('asks for an end at once when it comes again later, whichever it is', () => {
    const { heard, signal } = listening();
    signal('SIGINT', 0);
    signal('SIGTERM', 1_500);
    expect(heard).toEqual(['in order', 'at once']);
  });
});

it('is one request as well where the process was too busy to hear the second signal in time', async () => {
  // The second signal comes within milliseconds, while the process computes for longer than two requests are apart.
  const script = `
    const { onEndSignal } = await import(${JSON.stringify(new URL('./end-signals.ts', import.meta.url).href)});
    const alive = setTimeout(() => {}, 60_000);
    onEndSignal(['SIGTERM', 'SIGINT'], () => {
      console.log('in order');
      for (const until = Date.now() + 1_500; Date.now() < until; );
      setTimeout(() => clearTimeout(alive), 500);
    }, () => console.log('at once'));
    console.log('listens');`;
  const argv = ['--import', './scripts/sources.mjs', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
    if (said === 'listens\n') child.kill('SIGTERM');
    if (said === 'listens\nin order\n') child.kill('SIGINT');
  });
  await ended;
  expect(said).toBe('listens\nin order\n');
});
