/** A whole analysis of a sample on one engine beside the same on a reference: seconds per stage, and how far the figures differ. */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startComputeProcess } from '../lib/compute/node-process.ts';
import { DEFAULT_DETECTION, detectIntervals } from '../lib/core/detection/index.ts';
import { formatLayerIndex } from '../lib/core/interval/index.ts';
import type { AnalysisReport } from '../lib/core/report/report.ts';
import type { EngineName } from '../lib/core/tensor/index.ts';
import { type GpuOptions, type SectionPlan, shownDifference } from './gpu-section.ts';

const TIMESTEPS = 8;
/** Of a report: what two runs are not expected to share. */
const NOT_COMPARED = new Set(['engine', 'blockMs', 'stagesMs']);

export function analysisSection({ engine, others, threads, samples }: GpuOptions, folder: string): SectionPlan {
  return {
    title: `Analysis of ${folder}`,
    async measure(owned) {
      const analyseOn = async (name: string) => {
        const { client } = startComputeProcess({ threads });
        owned(() => client.close());
        await client.call('startEngine', { wanted: name as EngineName });
        const url = pathToFileURL(resolve(folder)).href;
        const { drawable } = await client.call('openModel', { source: { kind: 'url', url, name: folder } });
        const timesteps = Math.min(TIMESTEPS, samples);
        const calibration = { kind: drawable ? 'shapes' : 'synthetic', samples, timesteps, seed: 1 } as const;
        // The first reads weights and compiles shaders; both are what a user waits for, once.
        const first = await client.call('analyse', { calibration });
        const again = await client.call('analyse', { calibration });
        client.close();
        return { name, first, again };
      };
      const ours = await analyseOn(engine);
      const reference = await analyseOn(others[0] ?? 'cpu');
      const runs = [ours, reference].flatMap(({ name, first, again }) => [
        { name: `${name}, first`, report: first },
        { name: `${name}, again`, report: again },
      ]);
      const differences = differencesOf(ours.first, reference.first);
      const stages = Object.keys(ours.first.stagesMs);
      const seconds = ({ stagesMs }: AnalysisReport, stage: string) =>
        `${((stagesMs[stage] ?? 0) / 1000).toFixed(2)} s`;
      const total = ({ stagesMs }: AnalysisReport) => Object.values(stagesMs).reduce((sum, ms) => sum + ms, 0);
      const intervals = (report: AnalysisReport) => formatLayerIndex(detectIntervals(report, DEFAULT_DETECTION));
      const same = intervals(ours.first) === intervals(reference.first);
      return {
        columns: ['stage', ...runs.map(({ name }) => name)],
        rows: [
          ...stages.map((stage) => [stage, ...runs.map(({ report }) => seconds(report, stage))]),
          ['all', ...runs.map(({ report }) => `${(total(report) / 1000).toFixed(2)} s`)],
        ],
        notes: [
          `${samples} samples. Worst differences from ${reference.name}: ${[...differences].map(([what, value]) => `${what} ${shownDifference(value)}`).join(', ')}.`,
          same
            ? `The same intervals are detected: ${intervals(ours.first)}`
            : `**Other intervals are detected**: ${intervals(ours.first)}, and ${intervals(reference.first)} on ${reference.name}`,
        ],
        data: {
          stagesMs: Object.fromEntries(runs.map(({ name, report }) => [name, report.stagesMs])),
          differences: Object.fromEntries(differences),
          intervals: { [engine]: intervals(ours.first), [reference.name]: intervals(reference.first) },
        },
        failed: [...differences.values()].some(Number.isNaN),
      };
    },
  };
}

/** Largest absolute difference of each kind of figure (`streams.image.cka` → `cka`); NaN where only one report has a number. */
function differencesOf(found: unknown, reference: unknown): Map<string, number> {
  const worst = new Map<string, number>();
  const compare = (x: unknown, y: unknown, path: readonly string[]): void => {
    if (typeof x === 'object' && x !== null && typeof y === 'object' && y !== null) {
      const other = new Map(Object.entries(y));
      const keys = new Set([...Object.keys(x), ...other.keys()]);
      const own = new Map(Object.entries(x));
      for (const key of keys) {
        if (path.length === 0 && NOT_COMPARED.has(key)) continue;
        compare(own.get(key), other.get(key), [...path, key]);
      }
    } else if (typeof x === 'number' || typeof y === 'number') {
      const kind = (path[0] === 'streams' ? path[2] : path[0]) ?? '';
      const difference = typeof x === 'number' && typeof y === 'number' ? Math.abs(x - y) : Number.NaN;
      worst.set(kind, Math.max(worst.get(kind) ?? 0, difference));
    }
  };
  compare(found, reference, []);
  for (const [kind, difference] of worst) if (difference === 0) worst.delete(kind);
  return worst;
}
