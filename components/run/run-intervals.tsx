'use client';
/** Every interval's student in the making, one row each, on one loss scale. */
import { useMemo, useState } from 'react';
import { logDomain, seriesOf, useWidth } from '@/components/charts/run-charts.ts';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import type { StreamSpec } from '@/lib/core/model/config-index.ts';
import type { JobView } from '@/lib/core/run/index.ts';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import type { FollowedRun } from '@/lib/page/run/run-events.ts';
import { smoothed, smoothingWindow } from '@/lib/page/run/run-progress.ts';
import { RunAddInterval } from './run-add-interval';
import { RunChartDownload } from './run-chart-download';
import { useRun } from './run-context';
import { RunJob } from './run-job';

export function RunIntervals() {
  const run = useRun((state) => state);
  const [width, measured] = useRowWidth();
  const [scale, setScale] = useState<'shared' | 'own'>('shared');
  const lines = useLossLines(run);
  const shared = useMemo(() => logDomain(lines?.flatMap(({ domain }) => domain ?? []) ?? []), [lines]);
  return (
    <Panel
      title="Intervals"
      help={
        <Help about="the training of an interval">
          <p>
            One <em>student</em> block per interval learns to do what all of its blocks do. It sees the teacher's states
            before the interval and is compared with the teacher's states after it, so no student waits for another and
            each can be plugged in alone.
          </p>
          <p>
            A text group, feed-forward layers and shared modulations start at a closed form. They are trained with
            everything before them in place, and so wait for it: maps for students and for earlier maps, modulations for
            all. What errs less on held-out samples is kept, the closed form or what training made of it.
          </p>
          <p>
            Left: the <em>loss</em> of each stream (of the joint fine-tune: of the model's output) per optimizer step,
            on a log scale; faint is every step, bold is smoothed. Right: errors on samples that were never trained on.{' '}
            <em>Direction error</em> compares where states point (0 is the same way, 2 at right angles);{' '}
            <em>magnitude error</em> how long they are.
          </p>
          <p>
            A student has to beat three stand-ins that need no training: the interval's first block as it stands, linear
            probes, and leaving the interval out.
          </p>
        </Help>
      }
      reading={
        run
          ? `${engineReasons(run.view.jobs)}Loss on training batches, log scale, ${scale === 'shared' ? 'one scale for all' : 'each on its own scale'}; errors on ${run.view.settings.distil.heldOutSamples} samples held out.`
          : 'Reading the run.'
      }
      tools={
        <>
          <Choice
            name="Loss scale"
            value={scale}
            onChange={setScale}
            options={[
              { value: 'shared', label: 'One scale' },
              { value: 'own', label: 'Own scales' },
            ]}
          />
          <RunAddInterval />
          <RunChartDownload />
        </>
      }
    >
      <div ref={measured}>
        {run && lines ? (
          <ul className="-mx-4 -mb-4 divide-y divide-line border-t border-line">
            {run.view.jobs.map((job, i) => (
              <RunJob
                key={job.key}
                job={job}
                streams={run.view.plan.model.streams}
                points={run.curves[job.key] ?? NO_POINTS}
                series={lines[i]?.series ?? []}
                domain={scale === 'shared' ? shared : (lines[i]?.domain ?? null)}
                width={width}
              />
            ))}
          </ul>
        ) : (
          <div className="-mx-4 -mb-4 divide-y divide-line border-t border-line" aria-hidden="true">
            {[0, 1].map((row) => (
              <div key={row} className="px-4 py-3">
                <div className="skeleton h-4 w-64" />
                <div className="skeleton mt-4 h-[204px] w-full" />
              </div>
            ))}
          </div>
        )}
      </div>
    </Panel>
  );
}

/** Why each engine was taken, once for all jobs that it trained. */
function engineReasons(jobs: readonly JobView[]): string {
  const reasons = new Set(
    jobs.flatMap(({ worker }) => (worker ? `${engineWords(worker.engine)}: ${worker.why.replace(/\.$/, '')}. ` : [])),
  );
  return [...reasons].join('');
}

const NO_POINTS: FollowedRun['curves'][string] = [];

/** Drawn lines and their range of every job; a job's are made anew only when it has new steps. */
function useLossLines(run: FollowedRun | null) {
  const [cache] = useState(() => new WeakMap<object, ReturnType<typeof linesOf>>());
  return useMemo(() => {
    if (!run) return null;
    return run.view.jobs.map(({ key, kind }) => {
      const points = run.curves[key] ?? NO_POINTS;
      const known =
        cache.get(points) ??
        linesOf(points, run.view.plan.model.streams, kind === 'student' || kind === 'maps' ? 'streams' : 'output');
      cache.set(points, known);
      return known;
    });
  }, [run, cache]);
}

function linesOf(points: FollowedRun['curves'][string], streams: readonly StreamSpec[], of: 'streams' | 'output') {
  const series = seriesOf(points, streams, (values) => smoothed(values, smoothingWindow(points)), of);
  return { series, domain: logDomain(series.flatMap(({ raw }) => raw)) };
}

/** One measurement for all rows, so that their axes line up. */
function useRowWidth() {
  const [ref, width] = useWidth();
  return [width, ref] as const;
}
