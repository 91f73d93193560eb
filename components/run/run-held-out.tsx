'use client';
/** The held-out errors of every student and of what it has to beat, as numbers. */
import { useState } from 'react';
import { type HeldOutMetric, smallText } from '@/components/charts/run-charts.ts';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import type { StreamId } from '@/lib/core/model/config-index.ts';
import type { JobView } from '@/lib/core/run/index.ts';
import { jobName } from '@/lib/page/run/run-progress.ts';
import { useRun } from './run-context';

const COLUMNS = ['student', 'block u', 'probes', 'removed'] as const;

export function RunHeldOut() {
  const view = useRun((run) => run.view);
  const [metric, setMetric] = useState<HeldOutMetric>('direction');
  const jobs = view?.jobs.filter(({ kind }) => kind === 'student') ?? [];
  const streams = view?.plan.model.streams ?? [];
  return (
    <Panel
      title="Held-out errors"
      help={
        <Help about="the held-out errors">
          <p>
            Each stand-in's state after the interval against the teacher's, over valid tokens of samples that no student
            was trained on and no probe fitted on.
          </p>
          <p>
            <em>Direction</em>: the mean squared distance of the two states, each scaled to length one.{' '}
            <em>Magnitude</em>: how far the ratio of their lengths is from one. <em>Relative</em>: ‖ĥ − h‖ / ‖h‖ over
            all tokens together.
          </p>
          <p>
            <em>Block u</em> is the interval's first block as it stands; <em>probes</em> are that block and linear
            probes of the others; <em>removed</em> leaves the whole interval out.
          </p>
        </Help>
      }
      tools={
        <Choice
          name="Error"
          value={metric}
          onChange={setMetric}
          options={[
            { value: 'direction', label: 'Direction' },
            { value: 'magnitude', label: 'Magnitude' },
            { value: 'relative', label: 'Relative' },
          ]}
        />
      }
    >
      <div className="overflow-x-auto">
        <table className="w-full min-w-[600px] text-xs">
          <caption className="sr-only">{metric} error of each student and of its baselines on held-out samples</caption>
          <thead className="text-muted">
            <tr className="h-6">
              <th scope="col" rowSpan={2} className="text-left align-bottom font-normal">
                Interval
              </th>
              {streams.map(({ id, label }) => (
                <th
                  key={id}
                  scope="colgroup"
                  colSpan={4}
                  className="border-b border-line text-right font-medium text-ink"
                >
                  {label}
                </th>
              ))}
            </tr>
            <tr className="h-6">
              {streams.flatMap(({ id }) =>
                COLUMNS.map((column) => (
                  <th key={`${id} ${column}`} scope="col" className="text-right font-normal">
                    {column}
                  </th>
                )),
              )}
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <tr key={job.key} className="h-6 border-t border-line">
                <th scope="row" className="text-left font-normal whitespace-nowrap">
                  {jobName(job)} <span className="ml-2 text-2xs text-muted">{stepWords(job)}</span>
                </th>
                {streams.flatMap(({ id }) =>
                  cellsOf(job, id, metric).map(({ column, value, best }) => (
                    <td
                      key={`${id} ${column}`}
                      className={`text-right ${column === 'student' ? (best ? 'font-semibold' : '') : 'text-muted'}`}
                    >
                      {value}
                      {column === 'student' && best ? <span className="sr-only"> (least)</span> : null}
                    </td>
                  )),
                )}
              </tr>
            ))}
            {jobs.length === 0 ? (
              <tr className="h-12">
                <td colSpan={1 + streams.length * COLUMNS.length} className="text-center text-muted">
                  {view ? 'This run has no interval.' : <span className="skeleton inline-block h-3 w-64" />}
                </td>
              </tr>
            ) : null}
          </tbody>
        </table>
      </div>
      <p className="mt-2 text-2xs text-muted">
        Bold: the student errs less than all three stand-ins. n/a: the stream is not updated there.
      </p>
    </Panel>
  );
}

function stepWords({ heldOut }: JobView): string {
  const step = heldOut.at(-1)?.step;
  return step === undefined ? 'not measured yet' : `at step ${step.toLocaleString('en-US')}`;
}

function cellsOf({ heldOut, baselines }: JobView, stream: StreamId, metric: HeldOutMetric) {
  const last = heldOut.at(-1);
  // Undefined is yet to come, null is nothing to say.
  const values = [
    last ? (last.student[stream]?.[metric] ?? null) : undefined,
    ...(['firstBlock', 'probes', 'removal'] as const).map((name) =>
      baselines ? (baselines[name][stream]?.[metric] ?? null) : undefined,
    ),
  ];
  const [own, ...others] = values;
  const best = typeof own === 'number' && others.every((value) => typeof value !== 'number' || own < value);
  return COLUMNS.map((column, i) => ({ column, value: smallText(values[i]), best }));
}
