'use client';
/** One switch for each student, map and modulation that was trained: what the plugged ones make of the model, at once by arithmetic, then as measured. */
import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import { Switch } from '@/components/ui/switch';
import { isWithinNoise, type RunView, type SubsetView, subsetKey } from '@/lib/core/run/index.ts';
import { countedRangeWords, countedWords, shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import {
  changeWords,
  countWords,
  durationWords,
  flopsWords,
  percentWords,
  rangeWords,
} from '@/lib/page/browser/number-words.ts';
import { measure } from '@/lib/page/run/measure-subsets.ts';
import {
  hasFineTuned,
  measuredSubset,
  presentSubset,
  type Subset,
  savedBy,
  subsetCost,
  trainedParts,
  withPart,
} from '@/lib/page/run/plugged.ts';
import type { FollowedRun } from '@/lib/page/run/run-events.ts';
import { jobName, jobTitle, STATE_WORDS } from '@/lib/page/run/run-progress.ts';
import { factShare } from './pareto-points';
import { useRun, useRunPage } from './run-context';
import { usePlugged } from './use-plugged';

export function RunPlug() {
  const { plugged } = useRunPage();
  const run = useRun((state) => state);
  const choice = usePlugged();
  const view = run?.view ?? null;
  const subset = view ? presentSubset(view, choice) : null;
  const trained = view ? trainedParts(view).length : 0;
  return (
    <Panel
      title="Plug and play"
      help={
        <Help about="plugging">
          <p>
            A student stands for its whole interval. It was trained on the teacher's states, not on other students', so
            any of them can be plugged in or taken out and the rest need no training again.
          </p>
          <p>
            The linear maps of a text group or of feed-forward layers were trained behind what comes before them:
            students up to their last block, and maps of earlier blocks. Shared modulations were trained with everything
            else in place. Plugging one of these in plugs in what it was trained with; taking that out takes it out too.
          </p>
          <p>
            Blocks, parameters and operations follow at once: they are arithmetic. Facts, error, time and pictures are
            measured by the server once per choice and kept.
          </p>
          <p>
            The <em>joint fine-tune</em> trains the whole student model against the teacher's output. It is one model of
            its own: with it on, everything that was trained is in.
          </p>
        </Help>
      }
      tools={
        <>
          <Button
            look="ghost"
            small
            disabled={trained === 0 || (subset?.plugged.length === trained && !subset.fineTuned)}
            onClick={() => plugged.setState({ keys: null, fineTuned: false })}
          >
            All
          </Button>
          <Button
            look="ghost"
            small
            className="-mr-2"
            disabled={trained === 0 || subset?.plugged.length === 0}
            onClick={() => plugged.setState({ keys: [], fineTuned: false })}
          >
            None
          </Button>
        </>
      }
    >
      {run && view && subset ? (
        <>
          <Switches view={view} subset={subset} />
          <Results run={run} subset={subset} />
        </>
      ) : (
        // As high as three students and the table below them.
        <div aria-hidden="true" className="h-[360px] space-y-2 overflow-hidden">
          {Array.from({ length: 12 }, (_, row) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: places, not items
            <div key={row} className="skeleton h-5 w-full" />
          ))}
        </div>
      )}
    </Panel>
  );
}

function Switches({ view, subset }: { view: RunView; subset: Subset }) {
  const { plugged } = useRunPage();
  const choice = usePlugged();
  return (
    <table className="w-full text-xs">
      <caption className="sr-only">Students, linear maps and modulations, and which of them are plugged in</caption>
      <thead className="text-muted">
        <tr className="h-6">
          <th scope="col" className="text-left font-normal">
            Part
          </th>
          <th scope="col" className="text-right font-normal">
            saves
          </th>
          <th scope="col" className="w-20 text-right font-normal">
            plugged
          </th>
        </tr>
      </thead>
      <tbody>
        {view.jobs.map((job) => {
          const { edit, key, state } = job;
          const removed = edit ? edit.last - edit.first : 0;
          const isOwn = job.kind !== 'fine-tune';
          const on = isOwn ? subset.plugged.includes(key) && !subset.fineTuned : subset.fineTuned;
          return (
            <tr key={key} className="h-7 hover:bg-panel-2">
              <th scope="row" className={`text-left ${on ? 'font-medium text-accent' : 'font-normal'}`}>
                {isOwn ? jobName(job) : 'Joint fine-tune'}
              </th>
              <td className="text-right text-muted">
                {isOwn ? savedWords(removed, savedBy(view, key)) : 'as all of them'}
              </td>
              <td>
                <div className="flex h-5 items-center justify-end">
                  {state === 'done' ? (
                    <Switch
                      name={
                        edit
                          ? `Plug in student ${edit.first} to ${edit.last}`
                          : isOwn
                            ? `Plug in ${jobTitle(job)}`
                            : 'Plug in the fine-tuned model'
                      }
                      on={on}
                      onChange={(next) =>
                        plugged.setState(isOwn ? withPart(view, choice, key, next) : { keys: null, fineTuned: next })
                      }
                    />
                  ) : (
                    <span className="text-muted">{STATE_WORDS[state].toLowerCase()}</span>
                  )}
                </div>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** "2 blocks, 666 k", "no block, 1.62 M" */
function savedWords(removed: number, parameters: number | null): string {
  const blocks = removed === 0 ? 'no block' : removed === 1 ? '1 block' : `${removed} blocks`;
  return parameters === null ? blocks : `${blocks}, ${countWords(parameters)}`;
}

function Results({ run, subset }: { run: FollowedRun; subset: Subset }) {
  const { view } = run;
  const cost = subsetCost(view, subset);
  const known = measuredSubset(view, subset);
  const teacher = measuredSubset(view, { plugged: [], fineTuned: false });
  const { model } = view;
  const whole = { blocks: model.numBlocks, parameters: model.parameters, flops: model.costs.flopsPerForward };
  return (
    <>
      <table className="mt-3 w-full border-t border-line text-xs">
        <caption className="sr-only">The teacher and the model with what is plugged in</caption>
        <thead>
          <tr className="h-7 text-muted">
            <td />
            <th scope="col" className="text-right font-normal">
              teacher
            </th>
            <th scope="col" className="text-right font-normal">
              plugged
            </th>
            <th scope="col" className="w-14 text-right font-normal">
              change
            </th>
          </tr>
        </thead>
        <tbody>
          <Line
            name="Blocks"
            before={String(whole.blocks)}
            after={String(cost.blocks)}
            change={changeWords(whole.blocks, cost.blocks)}
          />
          <Line name="Parameters" {...changeLine(whole.parameters, cost.parameters, countWords)} />
          <Line
            name="Operations"
            title="FLOPs of one forward: what a forward would cost if time followed the operations alone"
            {...changeLine(whole.flops, cost.flopsPerForward, flopsWords)}
          />
          <Line name="Forward time" {...timeLine(known)} />
          {model.drawable ? <FactsLine known={known} teacher={teacher} /> : null}
          <Line
            name="Output error"
            title="‖v̂ − v‖ / ‖v‖ of one forward against the teacher's, on held-out samples"
            before={percentWords(0)}
            after={known ? percentWords(known.outputError) : null}
            change=""
            detail={known?.outputErrorBounds ? shareRangeWords(known.outputErrorBounds) : undefined}
          />
        </tbody>
      </table>
      <MeasureState run={run} subset={subset} known={known} />
    </>
  );
}

/** A null is not known: of narrower blocks in runs of earlier versions. */
function changeLine(before: number, after: number | null, words: (value: number) => string) {
  if (after === null) return { before: words(before), after: 'n/a', change: '' };
  return { before: words(before), after: words(after), change: changeWords(before, after) };
}

function timeLine(known: SubsetView | null) {
  const title = 'Medians of forwards of both, taken in turn on the worker';
  if (!known) return { before: null, after: null, change: '', title };
  const { wholeQuartilesMs, subsetQuartilesMs } = known;
  const isNoise =
    wholeQuartilesMs !== undefined &&
    subsetQuartilesMs !== undefined &&
    known.wholeMs !== known.subsetMs &&
    isWithinNoise(wholeQuartilesMs, subsetQuartilesMs);
  return {
    before: durationWords(known.wholeMs),
    after: durationWords(known.subsetMs),
    change: isNoise ? 'noise' : changeWords(known.wholeMs, known.subsetMs),
    title:
      wholeQuartilesMs && subsetQuartilesMs
        ? `${title}. Half of the runs took ${rangeWords(wholeQuartilesMs)} and ${rangeWords(subsetQuartilesMs)}${isNoise ? '; the ranges overlap, so the difference is within the noise' : ''}.`
        : title,
  };
}

function FactsLine({ known, teacher }: { known: SubsetView | null; teacher: SubsetView | null }) {
  const before = teacher ? factShare(teacher) : null;
  const after = known ? factShare(known) : null;
  const points = before !== null && after !== null ? (after - before) * 100 : null;
  const sign = points === null || Math.abs(points) < 0.05 ? '±' : points < 0 ? '−' : '+';
  return (
    <Line
      name="Facts held"
      title={
        known?.facts
          ? `${known.facts.held} of ${known.facts.total} facts in ${known.facts.pictures} pictures, read by the checker`
          : 'Facts of the captions that the checker finds in the pictures drawn'
      }
      before={teacher?.facts ? countedWords(teacher.facts) : null}
      after={known?.facts ? countedWords(known.facts) : null}
      change={points === null ? '' : `${sign}${Math.abs(points).toFixed(1)} pp`}
      detail={known?.facts ? countedRangeWords(known.facts) : undefined}
    />
  );
}

interface LineProps {
  name: string;
  title?: string;
  /** Null while it is not known. */
  before: string | null;
  after: string | null;
  change: string;
  /** The interval of `after`. */
  detail?: string | undefined;
}

function Line({ name, title, before, after, change, detail }: LineProps) {
  return (
    <tr className="h-6" title={detail ? `${title}; 95 % interval ${detail}` : title}>
      <th scope="row" className="text-left font-normal whitespace-nowrap text-muted">
        {name}
      </th>
      <td className="text-right whitespace-nowrap text-muted">{before ?? <Unknown />}</td>
      <td className="text-right font-medium whitespace-nowrap">{after ?? <Unknown />}</td>
      <td className="pl-2 text-right whitespace-nowrap">{change === '±0 %' ? '–' : change}</td>
    </tr>
  );
}

const Unknown = (): ReactNode => (
  <span title="Not measured yet" className="font-normal text-muted">
    …
  </span>
);

/** How the measurement of the plugged subset stands; always of one height. */
function MeasureState({ run, subset, known }: { run: FollowedRun; subset: Subset; known: SubsetView | null }) {
  const { open } = useRunPage();
  const measuring = run.measuring[subsetKey(subset)];
  const trained = trainedParts(run.view).length;
  const done = hasFineTuned(run.view) || trained > 0;
  return (
    <div className="mt-2 h-12 text-xs text-muted">
      {!done ? (
        <p>A switch appears here when a student, map or modulation is finished.</p>
      ) : known ? (
        <p>
          Measured{known.facts ? ` on ${known.facts.pictures} pictures` : ''} and on held-out samples; kept with the
          run.
        </p>
      ) : measuring?.error ? (
        <div className="flex items-start justify-between gap-2">
          <p role="alert" className="min-w-0 text-danger">
            {measuring.error}
          </p>
          <Button small onClick={() => void measure(open, subset)}>
            Measure again
          </Button>
        </div>
      ) : measuring ? (
        <>
          <p className="mb-1.5">
            {measuring.total > 0 ? `Measuring ${measuring.done}/${measuring.total}` : 'Asked for: waits for a worker'}
          </p>
          <Progress
            name="Measuring the plugged subset"
            share={measuring.total > 0 ? measuring.done / measuring.total : 0}
            text={measuring.total > 0 ? `${measuring.done} of ${measuring.total}` : 'waits for a worker'}
          />
        </>
      ) : (
        <div className="flex items-start justify-between gap-2">
          <p>Not measured yet.</p>
          <Button small onClick={() => void measure(open, subset)}>
            Measure
          </Button>
        </div>
      )}
    </div>
  );
}
