/** The page's side of the background worker. It starts with the first call, and anew with the first one after a crash. */
import { joined } from '@/lib/compute/joined-pieces.ts';
import { paced } from '@/lib/compute/paced.ts';
import { postInPieces } from '@/lib/compute/pieces.ts';
import { fromWire } from '@/lib/compute/wire.ts';
import type { WorkerPort } from '@/lib/compute/worker-port.ts';
import type { DetectionSettings, RankableReport } from '@/lib/core/detection/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import type { PlanAnswer, PlanSubject } from '../plan-subject.ts';
import { PartsSent } from './held-parts.ts';
import type { BackgroundReply, BackgroundRequest, BackgroundTask, InputOf, ResultOf } from './protocol.ts';
import type { NamedCorrelations } from './tasks.ts';

/** Requests and replies cross in pieces. */
export type BackgroundPort = WorkerPort<unknown, unknown>;

export interface Background {
  /** Throws what `parseReport` throws. */
  readReport(text: string, file: string): Promise<ResultOf<'readReport'>>;
  /**
   * The plans of `subject` under the budget `value`. While one is solved, of those that wait the newest alone stays: the others
   * get null. Pass the same object again for the same subject, which then is not sent twice.
   */
  plan(subject: PlanSubject, value: string): Promise<PlanAnswer | null>;
  /** Likewise, of those that wait the newest alone is answered. */
  correlations(report: RankableReport, settings: DetectionSettings): Promise<NamedCorrelations | null>;
  keep(inputs: string, report: AnalysisReport, measuredAtMs: number): Promise<ResultOf<'keep'>>;
  listKept(fingerprint: string): Promise<ResultOf<'listKept'>>;
  readKept(key: string): Promise<ResultOf<'readKept'>>;
  keepChoice(record: InputOf<'keepChoice'>): Promise<void>;
  listChoices(fingerprint: string): Promise<ResultOf<'listChoices'>>;
}

export function createBackground(connect: () => BackgroundPort): Background {
  interface Waiting {
    resolve(value: never): void;
    reject(reason: ContiguaError): void;
  }
  interface Line {
    send(message: unknown): void;
    readonly waiting: Map<number, Waiting>;
    /** What the worker holds. */
    subject: PlanSubject | null;
    readonly parts: PartsSent;
  }
  let line: Line | null = null;
  let calls = 0;

  function open(): Line {
    const port = connect();
    const waiting = new Map<number, Waiting>();
    const end = (reason: string) => {
      if (line === opened) line = null;
      port.close();
      const crash = new ContiguaError('internal', 'The background worker of the page ended', { found: reason });
      for (const { reject } of waiting.values()) reject(crash);
      waiting.clear();
    };
    const send = paced(port.postMessage, (thrown) => end(thrown instanceof Error ? thrown.message : String(thrown)));
    const opened: Line = { send, waiting, subject: null, parts: new PartsSent() };
    port.onMessage(
      joined((message) => {
        // Both ends are compiled from the same protocol.
        const reply = message as BackgroundReply;
        const call = waiting.get(reply.id);
        waiting.delete(reply.id);
        if ('error' in reply) call?.reject(fromWire(reply.error));
        else call?.resolve(reply.value as never);
      }),
    );
    port.onCrash(end);
    return opened;
  }

  function call<K extends BackgroundTask>(task: K, inputFor: (line: Line) => InputOf<K>): Promise<ResultOf<K>> {
    line ??= open();
    const { send, waiting } = line;
    const [id, input] = [calls++, inputFor(line)];
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      postInPieces({ id, task, input } satisfies BackgroundRequest, send);
    });
  }

  const solve = newestOnly((subject: PlanSubject, value: string) =>
    call('plan', (to) => {
      const isHeld = to.subject === subject;
      to.subject = subject;
      return { subject: isHeld ? null : { ...subject, report: to.parts.send(subject.report) }, value };
    }),
  );
  return {
    readReport: (text, file) => call('readReport', () => ({ text, file })),
    plan: solve,
    correlations: newestOnly((report: RankableReport, settings: DetectionSettings) =>
      call('correlations', ({ parts }) => ({ report: parts.send(report), settings })),
    ),
    keep: (inputs, report, measuredAtMs) =>
      call('keep', ({ parts }) => ({ inputs, report: parts.send(report), measuredAtMs })),
    listKept: (fingerprint) => call('listKept', () => ({ fingerprint })),
    readKept: (key) => call('readKept', () => ({ key })),
    keepChoice: (record) => call('keepChoice', () => record),
    listChoices: (fingerprint) => call('listChoices', () => ({ fingerprint })),
  };
}

/** Runs one call at a time. Of those that wait, the newest alone runs next; the others resolve to null. */
function newestOnly<A extends readonly unknown[], T>(
  work: (...input: A) => Promise<T>,
): (...input: A) => Promise<T | null> {
  let isBusy = false;
  let next: { run(): void; drop(): void } | null = null;
  const run = async (input: A): Promise<T> => {
    isBusy = true;
    try {
      return await work(...input);
    } finally {
      isBusy = false;
      const following = next;
      next = null;
      following?.run();
    }
  };
  return (...input) => {
    if (!isBusy) return run(input);
    next?.drop();
    return new Promise((resolve, reject) => {
      next = { run: () => void run(input).then(resolve, reject), drop: () => resolve(null) };
    });
  };
}
