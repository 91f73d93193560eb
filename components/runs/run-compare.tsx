'use client';
/** Checked runs over each other: losses and held-out errors of one interval, what they came to, and how they were set. */
import { useEffect, useMemo, useState } from 'react';
import {
  type HeldOutMetric,
  LossCurve,
  type LossSeries,
  logDomain,
  PAGE_PALETTE,
  RUN_DASHES,
  smallText,
  useWidth,
} from '@/components/charts/run-charts.ts';
import { Choice } from '@/components/ui/choice';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import type { StreamId, StreamSpec } from '@/lib/core/model/config-index.ts';
import type { RunView, StepPoint } from '@/lib/core/run/index.ts';
import { showError } from '@/lib/page/browser/notices.ts';
import { streamTitle } from '@/lib/page/browser/stream-words.ts';
import { smoothed, smoothingWindow } from '@/lib/page/run/run-progress.ts';
import { settingDifferences } from '@/lib/page/run/run-settings.ts';
import {
  allSettled,
  type ComparedRun,
  comparableKeys,
  comparedStreams,
  readCurves,
  readRuns,
} from '@/lib/page/runs/run-compare.ts';
import { DownloadMenu } from '../frame/download-menu';
import { RunStateMark } from '../run/run-state';

const REFRESH_MS = 4_000;
/** Before a run is read. */
const NO_STREAM: StreamSpec = { id: '', label: '' };
type Metric = Exclude<HeldOutMetric, 'relative'>;

export function RunCompare({ ids }: { ids: readonly string[] }) {
  const [asked, setKey] = useState<string | null>(null);
  const [askedStream, setStream] = useState<StreamId | null>(null);
  const [metric, setMetric] = useState<Metric>('direction');
  const { runs, curves, key } = useCompared(ids, asked);
  const [ref, width] = useWidth();
  const views = useMemo(() => runs?.flatMap(({ view }) => view ?? []) ?? [], [runs]);
  const keys = comparableKeys(views);
  const streams = useMemo(() => comparedStreams(views), [views]);
  const stream = streams.find(({ id }) => id === askedStream) ?? streams[0] ?? NO_STREAM;
  const half = width >= 640 ? Math.floor((width - 32) / 2) : width;
  const lines = useMemo(
    () => seriesOfRuns(runs ?? [], curves, key, stream.id, metric),
    [runs, curves, key, stream.id, metric],
  );
  return (
    <Panel
      title="Comparison"
      reading={
        views.length < 2
          ? 'Check another run to compare them.'
          : 'Smoothed losses on training batches; errors on held-out samples. Log scales.'
      }
      tools={
        <>
          <Select
            label="Interval"
            value={key ?? ''}
            options={
              keys.length > 0
                ? keys.map((each) => ({ value: each, label: each.replace('-', '–') }))
                : [{ value: '', label: '–' }]
            }
            onChange={setKey}
          />
          <Choice
            name="Stream"
            value={stream.id}
            onChange={setStream}
            options={streams.map((each) => ({ value: each.id, label: streamTitle(each) }))}
          />
          <Choice
            name="Held-out error"
            value={metric}
            onChange={setMetric}
            options={[
              { value: 'direction', label: 'Direction' },
              { value: 'magnitude', label: 'Magnitude' },
            ]}
          />
          <DownloadMenu
            name="Download comparison"
            disabled={views.length === 0 || key === null}
            figures={[{ figure: 'comparison' as const, label: 'Comparison' }]}
            save={async (_, kind) => {
              const { saveComparison } = await import('./compare-figures');
              await saveComparison(
                { runs: runs ?? [], curves, key: key ?? '', stream, streams, metric, ...lines },
                kind,
              );
            }}
          />
        </>
      }
    >
      <div ref={ref} className="space-y-4">
        <Legend runs={runs ?? ids.map((id) => ({ id, view: null, problem: null }))} />
        <div className={half < width ? 'grid grid-cols-2 gap-x-8' : 'space-y-4'}>
          <div>
            <h3 className="mb-1 text-xs font-medium">Loss, {stream.label} stream</h3>
            <LossCurve
              name={`${stream.label} loss of the compared runs`}
              width={half}
              steps={lines.steps}
              series={lines.losses}
              domain={logDomain(lines.losses.flatMap(({ smooth }) => smooth))}
              empty="No step yet."
            />
          </div>
          <div>
            <h3 className="mb-1 text-xs font-medium">
              Held-out {metric} error, {stream.label} stream
            </h3>
            <LossCurve
              name={`${metric} error of the compared runs`}
              width={half}
              steps={lines.steps}
              series={lines.errors}
              domain={logDomain(lines.errors.flatMap(({ smooth }) => smooth))}
              empty="Not measured yet."
            />
          </div>
        </div>
        <Outcomes runs={runs ?? []} jobKey={key} stream={stream} />
        <Differences views={views} />
      </div>
    </Panel>
  );
}

/** Read at once, and again while any of the runs goes on. */
function useCompared(ids: readonly string[], asked: string | null) {
  const [runs, setRuns] = useState<readonly ComparedRun[] | null>(null);
  const [curves, setCurves] = useState<readonly (readonly StepPoint[])[]>([]);
  const wanted = ids.join(',');
  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      let settled = false;
      try {
        const next = await readRuns(wanted.split(','));
        if (stopped) return;
        setRuns(next);
        settled = allSettled(next);
      } catch (thrown) {
        if (!stopped) showError('run', thrown);
      }
      if (!stopped && !settled) timer = setTimeout(() => void read(), REFRESH_MS);
    };
    void read();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [wanted]);
  const keys = comparableKeys(runs?.flatMap(({ view }) => view ?? []) ?? []);
  const key = asked && keys.includes(asked) ? asked : (keys[0] ?? null);
  useEffect(() => {
    if (!runs || key === null) return;
    let stopped = false;
    readCurves(runs, key).then(
      (next) => {
        if (!stopped) setCurves(next);
      },
      (thrown) => {
        if (!stopped) showError('run', thrown);
      },
    );
    return () => {
      stopped = true;
    };
  }, [runs, key]);
  return { runs, curves, key };
}

function seriesOfRuns(
  runs: readonly ComparedRun[],
  curves: readonly (readonly StepPoint[])[],
  key: string | null,
  stream: StreamId,
  metric: Metric,
) {
  const losses: LossSeries[] = [];
  const errors: LossSeries[] = [];
  let steps = 1;
  runs.forEach(({ view }, i) => {
    const job = view?.jobs.find((each) => each.key === key);
    if (!view || !job) return;
    steps = Math.max(steps, job.steps);
    const look = runLook(i);
    const points = curves[i] ?? [];
    const raw = points.map(({ losses: each }) => each[stream] ?? null);
    const smooth = smoothed(raw, smoothingWindow(points));
    losses.push({ ...look, steps: points.map(({ step }) => step), raw: [], smooth });
    const values = job.heldOut.map(({ student }) => student[stream]?.[metric] ?? null);
    errors.push({ ...look, steps: job.heldOut.map(({ step }) => step), raw: [], smooth: values });
  });
  return { losses, errors, steps };
}

const runLook = (index: number): Pick<LossSeries, 'name' | 'colour' | 'dash'> => ({
  name: `run ${index + 1}`,
  colour: (palette) => palette.runs[index] ?? palette.text,
  dash: RUN_DASHES[index],
});

function Legend({ runs }: { runs: readonly ComparedRun[] }) {
  return (
    <ol className="flex flex-wrap gap-x-6 gap-y-1 text-xs">
      {runs.map(({ id, view, problem }, i) => (
        <li key={id} className="flex max-w-full items-center gap-2">
          <RunLine index={i} />
          <span className="text-muted">{i + 1}</span>
          <a
            href={`/runs/${encodeURIComponent(id)}`}
            className="truncate font-medium underline-offset-2 hover:underline"
          >
            {view?.name ?? `Run ${id}`}
          </a>
          {view ? (
            <RunStateMark state={view.state} />
          ) : problem ? (
            <span className="text-danger">{problem.summary}</span>
          ) : null}
        </li>
      ))}
    </ol>
  );
}

function RunLine({ index }: { index: number }) {
  return (
    <svg aria-hidden="true" width="22" height="8" className="shrink-0">
      <line
        x1="0"
        x2="22"
        y1="4"
        y2="4"
        stroke={PAGE_PALETTE.runs[index]}
        strokeWidth="2"
        strokeDasharray={RUN_DASHES[index]}
      />
    </svg>
  );
}

/** What each run's student of this interval came to. */
function Outcomes({
  runs,
  jobKey,
  stream,
}: {
  runs: readonly ComparedRun[];
  jobKey: string | null;
  stream: StreamSpec;
}) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full min-w-[560px] text-xs">
        <caption className="mb-1 text-left text-xs font-medium">
          Interval {jobKey?.replace('-', '–') ?? '–'}, {stream.label} stream
        </caption>
        <thead className="text-muted">
          <tr className="h-6 border-b border-line">
            <th scope="col" className="text-left font-normal">
              Run
            </th>
            <th scope="col" className="text-right font-normal">
              steps
            </th>
            <th scope="col" className="text-right font-normal">
              steps/s
            </th>
            <th scope="col" className="text-right font-normal">
              direction error
            </th>
            <th scope="col" className="text-right font-normal">
              magnitude error
            </th>
            <th scope="col" className="text-right font-normal">
              relative error
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map(({ id, view }, i) => {
            const job = view?.jobs.find(({ key }) => key === jobKey);
            const last = job?.heldOut.at(-1)?.student[stream.id];
            return (
              <tr key={id} className="h-6 border-b border-line last:border-b-0">
                <th scope="row" className="max-w-0 truncate text-left font-normal">
                  <span className="mr-2 text-muted">{i + 1}</span>
                  {view?.name ?? `Run ${id}`}
                </th>
                <td className="w-28 text-right">
                  {job ? `${job.step.toLocaleString('en-US')} / ${job.steps.toLocaleString('en-US')}` : 'n/a'}
                </td>
                <td className="w-20 text-right">
                  {job?.stepsPerSecond ? Number(job.stepsPerSecond.toPrecision(2)) : 'n/a'}
                </td>
                <td className="w-28 text-right">{smallText(last?.direction ?? null)}</td>
                <td className="w-28 text-right">{smallText(last?.magnitude ?? null)}</td>
                <td className="w-28 text-right">{smallText(last?.relative ?? null)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Differences({ views }: { views: readonly RunView[] }) {
  if (views.length < 2) return null;
  const differences = settingDifferences(views.map(({ settings }) => settings));
  return (
    <div className="overflow-x-auto">
      <table className="w-full min-w-[560px] text-xs">
        <caption className="mb-1 text-left text-xs font-medium">Settings that differ</caption>
        <thead className="text-muted">
          <tr className="h-6 border-b border-line">
            <th scope="col" className="w-52 text-left font-normal">
              Setting
            </th>
            {views.map(({ id, name }, i) => (
              <th key={id} scope="col" className="max-w-0 truncate text-left font-normal" title={name}>
                {i + 1} {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {differences.map(({ name, values }) => (
            <tr key={name} className="h-6 border-b border-line last:border-b-0">
              <th scope="row" className="text-left font-normal text-muted">
                {name}
              </th>
              {views.map(({ id }, i) => (
                <td key={id}>{values[i] ?? 'n/a'}</td>
              ))}
            </tr>
          ))}
          {differences.length === 0 ? (
            <tr className="h-6">
              <td colSpan={views.length + 1} className="text-muted">
                None: these runs have the same settings.
              </td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </div>
  );
}
