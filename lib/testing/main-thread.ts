/**
 * The longest task of a page's main thread, in processor time, so that other work on the machine does not count, and what it held. A
 * trace is handed over only when it ends and holds so many events, so that long work is traced in windows.
 */
import type { CDPSession, Page } from '@playwright/test';

export interface MainThreadTrace {
  /** The longest first. Each ends the trace, and throws where it holds no task. */
  longestTasks(): Promise<readonly Task[]>;
  longestTaskMs(): Promise<number>;
}

export interface Task {
  /** Processor time. */
  readonly ms: number;
  /** Wall time by what was running, most first: functions with what they called, by their names in the build; empty unless profiled. */
  readonly held: readonly (readonly [name: string, ms: number])[];
}

interface TraceEvent {
  readonly name: string;
  readonly id?: string;
  readonly pid: number;
  readonly tid: number;
  /** In µs. */
  readonly ts: number;
  readonly dur?: number;
  /** Processor time, in µs. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string; readonly data?: ProfileData };
}

interface ProfileData {
  readonly startTime?: number;
  readonly timeDeltas?: readonly number[];
  readonly cpuProfile?: { readonly nodes?: readonly ProfileNode[]; readonly samples?: readonly number[] };
}

interface ProfileNode {
  readonly id: number;
  readonly parent?: number;
  readonly callFrame: { readonly functionName: string; readonly url?: string; readonly lineNumber?: number };
}

const WINDOW_MS = 30_000;
const MOST_TASKS = 5;
const CATEGORIES = ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'];
const PROFILER = 'disabled-by-default-v8.cpu_profiler';

/** With `profiled`, functions are sampled, which makes tasks longer. */
export async function traceMainThread(page: Page, { profiled = false } = {}): Promise<MainThreadTrace> {
  const devtools = await page.context().newCDPSession(page);
  const categories = profiled ? [...CATEGORIES, PROFILER] : CATEGORIES;
  let longest: readonly Task[] = [];
  let ended = false;
  const windows = async () => {
    while (!ended) {
      const events = await traced(devtools, categories, async () => {
        for (let waited = 0; waited < WINDOW_MS && !ended; waited += 100) await pause(100);
      });
      const found = mainThreadTasks(events).toSorted((a, b) => (b.tdur ?? 0) - (a.tdur ?? 0));
      const tasks = found
        .slice(0, MOST_TASKS)
        .map((task) => ({ ms: (task.tdur ?? 0) / 1000, held: heldBy(task, events) }));
      longest = [...longest, ...tasks].sort((a, b) => b.ms - a.ms).slice(0, MOST_TASKS);
    }
  };
  const tracing = windows();
  // Told by longestTask.
  tracing.catch(() => undefined);
  const longestTasks = async () => {
    ended = true;
    await tracing;
    await devtools.detach();
    if (longest.length === 0) throw new Error('The trace holds no task of the main thread');
    return longest;
  };
  return { longestTasks, longestTaskMs: async () => (await longestTasks())[0]!.ms };
}

async function traced(
  devtools: CDPSession,
  includedCategories: string[],
  during: () => Promise<void>,
): Promise<readonly TraceEvent[]> {
  const events: TraceEvent[] = [];
  const collect = ({ value }: { value: object[] }) => void events.push(...(value as TraceEvent[]));
  devtools.on('Tracing.dataCollected', collect);
  await devtools.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories } });
  await during();
  const complete = new Promise((resolve) => devtools.once('Tracing.tracingComplete', resolve));
  await devtools.send('Tracing.end');
  await complete;
  devtools.off('Tracing.dataCollected', collect);
  return events;
}

/** Of every renderer of the browser. */
function mainThreadTasks(events: readonly TraceEvent[]): TraceEvent[] {
  const main = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return events.filter(
    ({ name, pid, tid, tdur }) => name === 'RunTask' && tdur !== undefined && main.has(`${pid} ${tid}`),
  );
}

/** By functions, and by the browser's own steps: layout, paint, garbage collection. */
function heldBy(task: TraceEvent, events: readonly TraceEvent[]): Task['held'] {
  const profile = events.find(({ name, pid, tid }) => name === 'Profile' && pid === task.pid && tid === task.tid);
  if (!profile) return [];
  const end = task.ts + (task.dur ?? 0);
  const byName = new Map<string, number>();
  const add = (name: string, us: number) => byName.set(name, (byName.get(name) ?? 0) + us);
  for (const { name, pid, tid, ts, dur } of events) {
    const isStep = pid === task.pid && tid === task.tid && ts >= task.ts && ts < end && name !== 'RunTask';
    if (isStep && dur) add(`[${name}]`, dur);
  }
  const nodes = new Map<number, ProfileNode>();
  let at = profile.args?.data?.startTime ?? 0;
  const chunks = events.filter(({ name, pid, id }) => name === 'ProfileChunk' && pid === task.pid && id === profile.id);
  for (const { args } of chunks) {
    const { cpuProfile, timeDeltas = [] } = args?.data ?? {};
    for (const node of cpuProfile?.nodes ?? []) nodes.set(node.id, node);
    for (const [index, sample] of (cpuProfile?.samples ?? []).entries()) {
      const us = timeDeltas[index] ?? 0;
      at += us;
      if (at < task.ts || at >= end) continue;
      const stack = new Set<string>();
      for (let node = nodes.get(sample); node; node = nodes.get(node.parent ?? -1)) stack.add(nameOf(node));
      for (const name of stack) add(name, us);
    }
  }
  return [...byName].map(([name, us]) => [name, us / 1000] as const).sort((a, b) => b[1] - a[1]);
}

const nameOf = ({ callFrame: { functionName, url = '', lineNumber = 0 } }: ProfileNode): string =>
  functionName || `(anonymous) ${url.split('/').at(-1)}:${lineNumber}`;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
