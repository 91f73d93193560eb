'use client';
/** What a run will take, before it starts: time, memory and disk, with what the time rests on. */
import { useEffect, useState } from 'react';
import { asContiguaError } from '@/lib/core/errors.ts';
import { type RunEstimate, teacherSentence } from '@/lib/core/run/index.ts';
import { serverApi } from '@/lib/page/api/api.ts';
import type { RunRequest } from '@/lib/page/api/run-api.ts';
import { bytesWords, remainingWords } from '@/lib/page/browser/number-words.ts';

const REST_MS = 400;

interface Answer {
  /** The request that it answers. */
  readonly asked: string;
  readonly estimate: RunEstimate | null;
  readonly problem: string | null;
}

interface EstimateProps {
  request: RunRequest | null;
  /** The first answer is there, be it that there is no estimate. */
  onAnswered: () => void;
}

export function DistilEstimate({ request, onAnswered }: EstimateProps) {
  const answer = useEstimate(request);
  const answered = answer !== null;
  useEffect(() => {
    if (answered) onAnswered();
  }, [answered, onAnswered]);
  const asked = request && wordsOf(request);
  const estimate = answer?.estimate ?? null;
  const stale = answer !== null && answer.asked !== asked;
  return (
    <section
      aria-label="Estimate"
      aria-busy={stale || answer === null}
      className="sticky top-0 z-10 rounded-md border border-line bg-panel-2 px-3 py-2.5"
    >
      <dl className={`grid grid-cols-3 gap-3 ${stale ? 'opacity-50' : ''}`}>
        <Quantity
          name="Time"
          value={estimate && `about ${remainingWords(estimate.seconds * 1_000)}`}
          failed={answer?.problem != null}
        />
        <Quantity name="Memory" value={estimate && bytesWords(estimate.memoryBytes)} failed={answer?.problem != null} />
        <Quantity name="Disk" value={estimate && bytesWords(estimate.diskBytes)} failed={answer?.problem != null} />
      </dl>
      <p className={`mt-1 min-h-8 text-2xs ${answer?.problem ? 'text-danger' : 'text-muted'}`}>
        {answer?.problem ??
          (estimate
            ? `${sentence(estimate.basis)} ${sentence(teacherSentence(estimate.teacher, bytesWords))}`
            : 'Estimating: a model that is new to the server is timed first.')}
      </p>
    </section>
  );
}

function Quantity({ name, value, failed }: { name: string; value: string | null; failed: boolean }) {
  return (
    <div>
      <dt className="text-2xs text-muted">{name}</dt>
      <dd className="h-5 text-sm font-medium">
        {value ?? (failed ? 'n/a' : <span className="skeleton mt-1 block h-3.5 w-20" />)}
      </dd>
    </div>
  );
}

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

/** What the estimate depends on: a name costs nothing. */
const wordsOf = (request: RunRequest): string => JSON.stringify({ ...request, name: undefined });

/** The answer to the newest request that was answered. One question at a time: to answer, the server may time a model. */
function useEstimate(request: RunRequest | null): Answer | null {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [busy, setBusy] = useState(false);
  const asked = request && wordsOf(request);
  const first = answer === null;
  const waits = asked !== null && !busy && answer?.asked !== asked;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the request goes by its text
  useEffect(() => {
    if (!waits || !request || asked === null) return;
    const ask = async () => {
      setBusy(true);
      try {
        const estimate = await (await serverApi()).estimate(request);
        setAnswer({ asked, estimate, problem: null });
      } catch (thrown) {
        setAnswer({ asked, estimate: null, problem: asContiguaError(thrown).message });
      } finally {
        setBusy(false);
      }
    };
    const timer = setTimeout(() => void ask(), first ? 0 : REST_MS);
    return () => clearTimeout(timer);
  }, [waits, asked]);
  return answer;
}
