/**
 * What a report means, as plain facts: everything that the page, the planner and the terminal ask of it. Where the types
 * of reports change, this file alone follows; facts.json stays as version 1's code made it.
 */
import {
  chooseByBudget,
  DAMAGE_SCORES,
  type DamageScore,
  DEFAULT_DETECTION,
  type DetectionSettings,
  damageScore,
  detectIntervals,
  leastDamage,
  rankByDamage,
  similarityOf,
} from '../../../core/detection/index.ts';
import { runEdit } from '../../../core/edit/index.ts';
import { formatIntervalKeys } from '../../../core/interval/index.ts';
import { seamsOf } from '../../../core/model/config-index.ts';
import { type AnalysisReport, outputErrorOf, parseReport } from '../../../core/report/index.ts';
import { factsOfCalibration, factsOfSettings } from '../plans/reading.ts';
import { digestOf } from '../read-fixture.ts';

export const REPORTS = [
  'sample.json.gz',
  'sample-other-settings.json.gz',
  'calibration-file.json',
  'synthetic.json',
  'text-unread.json',
  'sixty-blocks.json.gz',
] as const;

/** The default reading of version 1. */
const ALL_TOKENS: DetectionSettings = { ...DEFAULT_DETECTION, rows: 'all' };

/** Those of version 1. */
const SCORES: readonly DamageScore[] = ['removed', 'probed', 'cka', 'probe', 'direction'];

const STREAMS = ['image', 'text'] as const;
const ESTIMATORS = ['debiased', 'biased'] as const;
const STARTS = ['block-u', 'probe-u'] as const;
const TARGETS = ['teacher-after-k', 'teacher-after-u'] as const;

export function reportFacts(text: string, file: string) {
  const report = parseReport(text, file);
  const { model, calibration, settings, split, blockMs, engine, stagesMs } = report;
  const { name, fingerprint, family, numBlocks, stacks } = model;
  const seams = seamsOf(stacks);
  return {
    model: { name, fingerprint, family, numBlocks, ...(seams.length > 0 ? { seams } : {}) },
    calibration: factsOfCalibration(calibration),
    settings: factsOfSettings({ ...settings, split }),
    damage: damageFacts(report),
    blockMs,
    engine,
    stagesMs,
    streams: Object.fromEntries(STREAMS.map((stream) => [stream, streamFacts(report, stream)])),
    detected: Object.fromEntries(readings().map((one) => [wordsOf(one), detectionFacts(report, one)])),
    chosen: choiceFacts(report),
  };
}

/** Version 1 measured each interval by nothing and by probes, and told the direction error beside. */
function damageFacts(report: AnalysisReport) {
  const removed = report.damage.filter(({ edit }) => edit.by === 'nothing');
  return removed.map(({ edit: { first, last }, outputError }) => ({
    first,
    last,
    removedError: outputError,
    probedError: outputErrorOf(report, runEdit({ first, last }, 'probes')),
    directionError: report.directionErrors[first]?.[last],
  }));
}

function streamFacts(report: AnalysisReport, stream: (typeof STREAMS)[number]) {
  const { probeR2, probeError, similarity } = report.streams[stream]!;
  if (similarity['held-out'] !== null || similarity.all === null) throw new Error('Version 1 took all tokens alone');
  const { cka, trajectories } = similarity.all;
  return {
    probeR2,
    probeError,
    cka: Object.fromEntries(ESTIMATORS.map((estimator) => [estimator, matrixFacts(cka[estimator])])),
    trajectories: Object.fromEntries(
      ESTIMATORS.flatMap((estimator) =>
        STARTS.flatMap((start) =>
          TARGETS.map((target) => [
            `${estimator} ${start} ${target}`,
            matrixFacts(trajectories[estimator][`${start}/${target}`]),
          ]),
        ),
      ),
    ),
  };
}

/** One row to look at, and the digest of all. */
function matrixFacts(matrix: readonly (readonly (number | null)[])[]) {
  return { secondRow: matrix[1]?.slice(0, 6), digest: digestOf(matrix) };
}

function readings(): DetectionSettings[] {
  return ESTIMATORS.flatMap((estimator) =>
    STARTS.flatMap((start) =>
      TARGETS.flatMap((target) =>
        (['mean', 'image', 'text'] as const).map((streams) => ({
          rows: 'all' as const,
          estimator,
          start,
          target,
          streams,
        })),
      ),
    ),
  );
}

function wordsOf({ estimator, start, target, streams }: DetectionSettings): string {
  return [estimator, start, target, streams].join(' ');
}

function detectionFacts(report: AnalysisReport, settings: DetectionSettings) {
  const detected = detectIntervals(report, settings);
  return {
    intervals: formatIntervalKeys(detected),
    similarities: detected.map((interval) => similarityOf(report, settings, interval)),
  };
}

function choiceFacts(report: AnalysisReport) {
  const detected = detectIntervals(report, ALL_TOKENS);
  return DAMAGE_SCORES.filter(({ name }) => SCORES.includes(name)).map(({ name: score }) => ({
    score,
    ranked: rankByDamage(report, detected, score, ALL_TOKENS).map((one) => [
      formatIntervalKeys([one.interval]),
      one.score,
    ]),
    budget: [1, 3, 8].map((count) =>
      formatIntervalKeys(chooseByBudget(rankByDamage(report, detected, score, ALL_TOKENS), count)),
    ),
    leastDamage: [1, 3, 8].map((count) =>
      // Version 1 summed every score as it is.
      formatIntervalKeys(
        leastDamage(report.model, count, (interval) => damageScore(report, interval, score, ALL_TOKENS)),
      ),
    ),
  }));
}
