/**
 * Memory and files of a measurement of narrower blocks: those of an analysis of the same inputs. Where an analysis keeps its states in this
 * browser, or its memory is limited, so are the states and the maps of the measurement.
 */
import type { ProbeSource, Tasks } from '@/lib/compute/protocol.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { keepsStates } from './analysis.ts';
import { limitsStore, memoryBytesOf } from './analysis-limits.ts';
import { ask } from './compute.ts';
import { forgetInterrupted } from './interrupted.ts';

/** What maps and states of a measurement may take beside the states of the analysis, at most. Maps that find no room are fitted again. */
const MOST_BYTES = 9e9;

export async function widthRoom(
  { calibration, tokens, damageSamples }: ProbeSource,
  summary: Pick<ModelSummary, 'sizeBytes'>,
  signal: AbortSignal,
): Promise<Pick<Tasks['width']['input'], 'states' | 'limits'>> {
  const limits = limitsStore.getState();
  const isInFiles = keepsStates(summary);
  if (!isInFiles && limits.memory === null) return {};
  const states = { url: 'opfs:', sizeBytes: Number.MAX_SAFE_INTEGER };
  const request = { calibration, tokens, damage: { samples: damageSamples }, ...(isInFiles ? { states } : {}) };
  const estimate = await ask('estimateAnalysis', { ...request, memoryBytes: memoryBytesOf(limits) }, { signal });
  const { engineBytes } = estimate.limits;
  if (!isInFiles) return { limits: { engineBytes } };
  const sizeBytes = await ask('roomForStates', { bytes: estimate.storedBytes + MOST_BYTES }, { signal });
  // Its states make room for those of the measurement.
  forgetInterrupted();
  return { states: { ...states, sizeBytes }, limits: { engineBytes } };
}
