'use client';
/** What the choice makes of the model: before → after, each number with its unit and its change. */
import { lazy, useDeferredValue } from 'react';
import { useStore } from 'zustand';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import type { ForwardTiming } from '@/lib/compute/protocol.ts';
import { type RunSet, replacementWord, runsOf } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { removedCount } from '@/lib/core/interval/index.ts';
import { type BeforeAfter, type PlanCost, tokensOf } from '@/lib/core/plan/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { isWithinNoise } from '@/lib/core/run/index.ts';
import { DRAWING } from '@/lib/core/shapes/index.ts';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import {
  beforeAfterWords,
  bytesWords,
  changeWords,
  countWords,
  durationWords,
  flopsWords,
  rangeWords,
  withoutUnit,
} from '@/lib/page/browser/number-words.ts';
import { tokensWords } from '@/lib/page/browser/stream-words.ts';
import { needsProbes, PAGE_REPLACEMENTS, whyNotMeasured } from '@/lib/page/explorer/edits.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { changedSince, changedWords, isSame } from '@/lib/page/explorer/made-of.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { planFiguresStore } from '@/lib/page/explorer/plan-figures-store.ts';
import { needsFileWords } from '@/lib/page/explorer/probe-source.ts';
import { isQuickModel, measureForward, presentTiming } from '@/lib/page/explorer/quiet-measurements.ts';
import { chosenNarrower, presentNarrower, presentRuns } from '@/lib/page/explorer/selection.ts';
import {
  quartilesOf,
  type TimedForward,
  timedOf,
  timesOf,
  timeWords,
  timingStore,
} from '@/lib/page/explorer/timing.ts';
import { lacksWeights, NEEDS_WEIGHTS } from '@/lib/page/explorer/traces.ts';
import { DistilButton } from '../distil-form/distil-button';
import { ChoiceQuality } from './choice-quality';
import { Note, Row } from './plan-rows';
import { useAnalysed, useAnalysis } from './use-analysis';
import { useModel, useSelection } from './use-model';

/** Classifier-free guidance runs the prompt and the null caption at every step, unless the model embeds the scale. */
const drawingOf = ({ embedsGuidance }: ModelSummary) => ({
  steps: DRAWING.steps,
  forwardsPerStep: embedsGuidance ? 1 : 2,
});

const PlanHelp = lazy(async () => ({ default: (await import('./help-texts')).PlanHelp }));

export function PlanPanel() {
  const summary = useModel((state) => state.summary);
  // Costs follow a moment later, so that choosing answers at once.
  const edits = useDeferredValue(useSelection((state) => state.selection.present));
  const calibration = useAnalysis(({ report }) => report?.calibration ?? null);
  const tokensPerForward = summary && tokensOf(summary, calibration);
  const figures = useStore(planFiguresStore, (state) => state.figures);
  const cost =
    summary && tokensPerForward && figures?.planCost({ ...summary, tokensPerForward }, edits, drawingOf(summary));
  return (
    <Panel
      title="Plan"
      help={
        <Help about="the plan">
          <PlanHelp summary={summary} />
        </Help>
      }
      tools={<Distil />}
    >
      <table className="w-full text-xs">
        <caption className="sr-only">Cost of the model before and after pruning</caption>
        <tbody>
          <Line name="Blocks" pair={cost?.blocks} words={String} />
          <Line
            name="Parameters"
            pair={cost?.parameters}
            words={countWords}
            title={cost ? `${cost.parameters.after.toLocaleString('en-US')} parameters left` : undefined}
          />
          {summary?.configAlone ? (
            <Row name="File size" title={lacksWeights(summary) ?? undefined}>
              <span className="text-muted">{NEEDS_WEIGHTS}</span>
            </Row>
          ) : (
            <Line
              name="File size"
              pair={cost?.sizeBytes}
              words={bytesWords}
              title="At the bytes per parameter of the open files"
            />
          )}
          <Line
            name="FLOPs per image"
            pair={cost?.flopsPerImage}
            words={flopsWords}
            title={
              tokensPerForward
                ? `At ${tokensWords(tokensPerForward, summary?.streams ?? [])} (${summary?.picture}), ${DRAWING.steps} steps of ${summary?.embedsGuidance ? 'one forward' : 'two forwards'}`
                : undefined
            }
          />
          <ForwardTime />
          <ChoiceQuality />
        </tbody>
      </table>
      <NarrowerNote />
      <p className="mt-1 min-h-4 text-2xs text-muted">
        {[editsWords(runsOf(edits)), cost && probesWords(cost), summary?.costNote].filter(Boolean).join(' ')}
      </p>
    </Panel>
  );
}

/** Follows the report apart from the panel, whose costs do not change with it. */
const Distil = () => <DistilButton analysed={useAnalysed()} />;

/** Broken between its options alone. */
const EXPORT_COMMAND = ['contigua export MODEL', '--plan plan.json', '--out smaller'];

/** What is not done with narrower blocks here, and what does it. */
function NarrowerNote() {
  const narrower = useSelection(chosenNarrower);
  const readBy = useModel(({ summary }) => summary?.narrower.readBy);
  if (narrower.length === 0) return null;
  const isShared = narrower.some(({ on }) => on === 'modulation');
  const isMapped = narrower.some(({ on }) => on !== 'modulation');
  return (
    <div className="mt-2 space-y-1 rounded-md border border-line bg-panel-2 px-2 py-1.5 text-2xs text-muted">
      <p>
        {isMapped ? 'Here, maps of text groups and FFNs are fitted in closed form; Distil trains them. ' : ''}
        {isShared || readBy ? 'Contigua alone reads the result; diffusers does not. ' : ''}
        Without training, this writes the smaller model from the downloaded plan:
      </p>
      <code className="block text-ink">
        {EXPORT_COMMAND.map((part) => (
          <span key={part} className="mr-[1ch] inline-block whitespace-nowrap">
            {part}
          </span>
        ))}
      </code>
    </div>
  );
}

/** "4 blocks removed, 2 replaced by probes.": what becomes of the blocks that go, where there is more than one answer. */
function editsWords(edits: RunSet): string {
  const counts = PAGE_REPLACEMENTS.map((by) => [by, removedCount(edits.filter((edit) => edit.by === by))] as const);
  const present = counts.filter(([, count]) => count > 0);
  if (present.length < 2) return '';
  const words = present.map(([by, count]) =>
    by === 'nothing'
      ? `${count} ${count === 1 ? 'block' : 'blocks'} removed`
      : `${count} replaced by ${by === 'linear' ? 'linear maps' : replacementWord(by)}`,
  );
  return `${words.join(', ')}.`;
}

const probesWords = ({ probes }: PlanCost): string =>
  probes.count > 0 ? `Counts ${probes.count} linear probes, ${countWords(probes.parameters)} parameters.` : '';

function ForwardTime() {
  // Each of these decides which timing belongs here, so a change of any draws the line anew.
  const chosen = useSelection((state) => state.selection.present);
  useModel((state) => state.summary);
  useStore(engineStore, (state) => state.report);
  const analysed = useAnalysed();
  const { report, measuredOn } = analysed;
  const { results, measuring, failed } = useStore(timingStore);
  const timed = presentTiming(analysed);
  const present = timed?.of ?? null;
  const known = timedOf({ results }, present);
  const elsewhere = timed ? timesOf({ results }, timed.choice).filter(({ result }) => result !== known) : [];
  if (known && timed) {
    return (
      <>
        <MeasuredTime timing={known} engine={engineWords(timed.choice.engine.name)} />
        <OtherEngines times={elsewhere} />
      </>
    );
  }
  const estimate = present === null ? null : blockTimeWords(report);
  const title = estimate
    ? "The sum of the blocks' times in the analysis, until the whole forward has been measured"
    : 'Measured on the engine in use once a choice rests';
  if (present === null) {
    const lacking = report ? needsFileWords(report, measuredOn) : 'needs an analysis';
    const noWeights = lacksWeights(modelStore.getState().summary);
    return (
      <Row name="Forward time" title={noWeights ?? title}>
        <span className="text-muted">
          {noWeights
            ? NEEDS_WEIGHTS
            : (whyNotMeasured(chosen) ?? (needsProbes(chosen) ? lacking : 'measured per choice'))}
        </span>
      </Row>
    );
  }
  const hasFailed = isSame(failed, present);
  if (isSame(measuring, present) || (isQuickModel(report) && !hasFailed)) {
    return (
      <Row name="Forward time" title={title}>
        <span className="text-muted">{estimate ? `≈ ${estimate}, measuring…` : 'measuring…'}</span>
      </Row>
    );
  }
  // Of the model on the page, a time of before still says something; a slow model is timed only when asked.
  const latest = results.findLast(({ of }) => of.model === present.model) ?? null;
  const outdated = latest && { result: latest.result, changed: changedSince(latest.of, present) };
  return (
    <>
      <Row name="Forward time" title={title}>
        {outdated ? <span className="mr-2 text-muted">{timeWords(outdated.result)}</span> : null}
        {hasFailed ? (
          <span className="text-muted">n/a</span>
        ) : (
          <button
            type="button"
            className="h-5 rounded border border-line px-2 hover:bg-panel-2"
            onClick={() => void measureForward(analysed)}
          >
            {outdated ? 'Measure again' : 'Measure'}
          </button>
        )}
      </Row>
      {outdated ? <Note>Outdated: {changedWords(outdated.changed)}.</Note> : null}
      <OtherEngines times={elsewhere} />
    </>
  );
}

/** Medians of runs in turn with the range of the middle half; a difference smaller than the ranges is not called one. */
function MeasuredTime({ timing, engine }: { timing: ForwardTiming; engine: string }) {
  const { wholeMs, prunedMs, samples, runs } = timing;
  const [whole, pruned] = [quartilesOf(timing, 'whole'), quartilesOf(timing, 'pruned')];
  const isNoise = isWithinNoise(whole, pruned);
  return (
    <>
      <Line
        name="Forward time"
        pair={{ before: wholeMs / samples, after: prunedMs / samples }}
        words={durationWords}
        change={isNoise ? 'noise' : undefined}
        title={`Medians of ${runs} interleaved runs on ${engine}, per forward of one sample, measured in batches of ${samples}`}
      />
      <Note>
        On {engine}, half of the runs: {rangeWords(whole)} → {rangeWords(pruned)}
        {isNoise ? '; they overlap, so the difference is within the noise.' : '.'}
      </Note>
    </>
  );
}

/** The same choice as it was timed before on engines that are not in use now. */
function OtherEngines({ times }: { times: readonly TimedForward[] }) {
  return times.map(({ engine, result }) => (
    <Note key={`${engine.name} ${engine.device}`}>
      On {engineWords(engine.name)} · {engine.device}: {timeWords(result)}.
    </Note>
  ));
}

/** "36.1 → 29.4 ms" by the blocks' own times; null where none were measured. */
function blockTimeWords(report: AnalysisReport | null): string | null {
  // Times of another engine say nothing about this one.
  const blockMs = report?.engine && report.engine.name === engineStore.getState().report?.name ? report.blockMs : [];
  // Of narrower blocks the analysis has no times.
  if (presentNarrower().length > 0) return null;
  const chosen = presentRuns();
  const sum = (times: readonly (number | null)[]) => times.reduce((total: number, ms) => total + (ms ?? 0), 0);
  const before = sum(blockMs);
  if (before === 0) return null;
  const kept = blockMs.filter((_, block) => !chosen.some(({ first, last }) => block > first && block <= last));
  return beforeAfterWords(durationWords(before), durationWords(sum(kept)));
}

interface LineProps {
  name: string;
  pair: BeforeAfter | undefined;
  words: (value: number) => string;
  title?: string;
  /** In place of the relative change. */
  change?: string;
}

function Line({ name, pair, words, title, change }: LineProps) {
  if (!pair) {
    return (
      <Row name={name}>
        <span className="skeleton inline-block h-3 w-32 align-middle" />
      </Row>
    );
  }
  const same = pair.before === pair.after;
  return (
    <tr className="h-6" title={title}>
      <th scope="row" className="text-left font-normal whitespace-nowrap text-muted">
        {name}
      </th>
      <td className="text-right whitespace-nowrap">
        <span className="text-muted">{withoutUnit(words(pair.before), words(pair.after))}</span>
        <span className="text-muted"> → </span>
        <span className="font-medium">{words(pair.after)}</span>
      </td>
      <td className={`w-14 text-right whitespace-nowrap ${same ? 'text-muted' : ''}`}>
        {change ?? (same ? '–' : changeWords(pair.before, pair.after))}
      </td>
    </tr>
  );
}
