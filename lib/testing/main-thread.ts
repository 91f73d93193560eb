/**
 * The longest task of a page's main thread, in processor time, so that other work on the machine does not count. A trace is
 * handed over only when it ends and holds so many events, so that long work is traced in windows.
 */
import type { CDPSession, Page } from '@playwright/test';

export interface MainThreadTrace {
  /** Ends the trace. Throws where it holds no task. */
  longestTaskMs(): Promise<number>;
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Processor time, in µs. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

const WINDOW_MS = 30_000;

export async function traceMainThread(page: Page): Promise<MainThreadTrace> {
  const devtools = await page.context().newCDPSession(page);
  let longestUs = 0;
  let tasks = 0;
  let ended = false;
  const windows = async () => {
    while (!ended) {
      const events = await traced(devtools, async () => {
        for (let waited = 0; waited < WINDOW_MS && !ended; waited += 100) await pause(100);
      });
      for (const tdur of mainThreadTasks(events)) {
        longestUs = Math.max(longestUs, tdur);
        tasks += 1;
      }
    }
  };
  const tracing = windows();
  // Told by longestTaskMs.
  tracing.catch(() => undefined);
  return {
    async longestTaskMs() {
      ended = true;
      await tracing;
      await devtools.detach();
      if (tasks === 0) throw new Error('The trace holds no task of the main thread');
      return longestUs / 1000;
    },
  };
}

async function traced(devtools: CDPSession, during: () => Promise<void>): Promise<readonly TraceEvent[]> {
  const events: TraceEvent[] = [];
  const collect = ({ value }: { value: object[] }) => void events.push(...(value as TraceEvent[]));
  devtools.on('Tracing.dataCollected', collect);
  await devtools.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'] },
  });
  await during();
  const complete = new Promise((resolve) => devtools.once('Tracing.tracingComplete', resolve));
  await devtools.send('Tracing.end');
  await complete;
  devtools.off('Tracing.dataCollected', collect);
  return events;
}

/** Of every renderer of the browser. */
function mainThreadTasks(events: readonly TraceEvent[]): number[] {
  const main = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return events.flatMap(({ name, pid, tid, tdur }) =>
    name === 'RunTask' && tdur !== undefined && main.has(`${pid} ${tid}`) ? [tdur] : [],
  );
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
