/**
 * How well the page's scores predict, as a small file of the product (lib/core/detection/score-quality-measured.ts): Spearman's ρ of
 * every damage score with the facts that are lost after distillation, over single intervals and over plans of equal depth.
 */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DAMAGE_SCORES } from '../lib/core/detection/index.ts';
import type { ModelQuality, ScoreQuality, WrittenCorrelation } from '../lib/core/detection/measured-quality.ts';
import type { RankCorrelation } from '../lib/core/detection/rank-correlation.ts';
import { summed } from './plan-scores.ts';
import { INTERVAL_TRUTHS, intervalCorrelations, planCorrelations, squared } from './score-quality.ts';
import type { Truths } from './score-tables.ts';
import type { ScoreValues } from './score-values.ts';

const FACTS = Object.keys(INTERVAL_TRUTHS).indexOf('facts lost');

/** Null where nothing is measured. */
export function scoreQualityOf(scores: readonly ScoreValues[], { intervals, plans }: Truths): ModelQuality | null {
  const [first] = intervals;
  if (!first) return null;
  const found: Record<string, ScoreQuality> = {};
  for (const { name, adds } of DAMAGE_SCORES) {
    const score = scores.find((one) => one.name === name);
    const alone = score && written(intervalCorrelations(score, intervals)[FACTS] ?? null);
    if (!score || !alone) continue;
    found[name] = {
      intervals: alone,
      plans: written(
        planCorrelations(summed(adds === 'plainly' ? score : squared(score)), plans).atEqualDepth?.facts ?? null,
      ),
    };
  }
  const { pictures, trained } = first;
  return { steps: trained.heldOut.at(-1)?.step ?? 0, captions: pictures.held.length, scores: found };
}

function written(found: RankCorrelation | null): WrittenCorrelation | null {
  if (!found?.bounds) return null;
  const { rho, n, bounds } = found;
  const [two, low, high] = [rho, bounds.low, bounds.high].map((value) => Number(value.toFixed(2)));
  return { rho: two!, low: low!, high: high!, n };
}

/** Replaces what the file says of this model. */
export async function writeScoreQuality(path: string, model: string, quality: ModelQuality | null): Promise<void> {
  // A module is cached by its address: without the query, a second model would be written beside what the first one found.
  const { MEASURED_QUALITY } = await import(`${pathToFileURL(resolve(path)).href}?read=${randomUUID()}`);
  await writeFile(path, sourceOf({ ...MEASURED_QUALITY, [model]: quality }));
}

/** The module's text, as the formatter leaves it. */
export function sourceOf(all: Readonly<Record<string, ModelQuality | null>>): string {
  const models = Object.entries(all)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .flatMap(([model, quality]) => (quality ? [`  '${model}': ${modelSource(quality)},\n`] : []));
  const value = models.length === 0 ? '{}' : `{\n${models.join('')}}`;
  return `/** Written by \`npm run study -- --parts quality\`; score-quality.ts says what it means. */
import type { MeasuredQuality } from './measured-quality.ts';

export const MEASURED_QUALITY: MeasuredQuality = ${value};
`;
}

function modelSource({ steps, captions, scores }: ModelQuality): string {
  const lines = Object.entries(scores).flatMap(([name, { intervals, plans }]) => [
    `      ${/^[a-z]+$/.test(name) ? name : `'${name}'`}: {\n`,
    `        intervals: ${correlationSource(intervals)},\n`,
    `        plans: ${plans ? correlationSource(plans) : 'null'},\n`,
    '      },\n',
  ]);
  return `{\n    steps: ${steps},\n    captions: ${captions},\n    scores: {\n${lines.join('')}    },\n  }`;
}

function correlationSource({ rho, low, high, n }: WrittenCorrelation): string {
  return `{ rho: ${rho}, low: ${low}, high: ${high}, n: ${n} }`;
}
