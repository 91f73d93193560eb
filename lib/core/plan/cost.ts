/**
 * What a choice of intervals saves: blocks, parameters, file size and operations, from the model's config alone. Where
 * probes stand in for blocks they are counted, and also told apart. Forward time is measured, never computed.
 */
import { type IntervalSet, removedCount } from '../interval/index.ts';
import { countFlops, type ForwardTokens, parseModelConfig } from '../model/config-index.ts';
import type { BeforeAfter, PlanReplacement } from './plan.ts';

interface ParameterFacts {
  readonly numBlocks: number;
  readonly width: number;
  readonly blockParameters: number;
  readonly globalParameters: number;
}

/** The facts of an opened model that costs depend on; a worker's ModelSummary has them all. */
export interface CostedModel extends ParameterFacts {
  /** Of all files as stored. */
  readonly sizeBytes: number;
  readonly tokensPerForward: ForwardTokens;
  /** config.json */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface ImageRun {
  readonly steps: number;
  /** 2 with true classifier-free guidance, which runs the prompt and the null caption; else 1. */
  readonly forwardsPerStep: number;
}

export interface PlanCost {
  readonly blocks: BeforeAfter;
  readonly parameters: BeforeAfter;
  /** `after` at the stored file's mean bytes per parameter: exact up to the header for files of one dtype. */
  readonly sizeBytes: BeforeAfter;
  /** One forward of one sample at the model's token counts. */
  readonly flopsPerForward: BeforeAfter;
  readonly flopsPerImage: BeforeAfter;
  /** The part of every `after` that probes make up; zeros where blocks are just removed. */
  readonly probes: { readonly count: number; readonly parameters: number; readonly flopsPerForward: number };
}

/** `intervals` are a valid set of the model. */
export function planCost(
  model: CostedModel,
  intervals: IntervalSet,
  replacement: PlanReplacement,
  { steps, forwardsPerStep }: ImageRun,
): PlanCost {
  const { numBlocks, width: D, tokensPerForward: tokens } = model;
  const removed = removedCount(intervals);
  const probed = replacement === 'probes' ? removed : 0;
  const probes = {
    count: 2 * probed,
    parameters: probeParameters(D, removed, replacement),
    flopsPerForward: 2 * D * D * (tokens.image + tokens.text) * probed,
  };
  const parameters = parameterCost(model, removed, replacement);
  const flops = countFlops(parseModelConfig(JSON.stringify(model.config), 'config.json'), tokens);
  const flopsPerForward = {
    before: flops.total,
    after: flops.total - removed * flops.perBlock + probes.flopsPerForward,
  };
  const forwards = steps * forwardsPerStep;
  return {
    blocks: { before: numBlocks, after: numBlocks - removed },
    parameters,
    sizeBytes: {
      before: model.sizeBytes,
      after: Math.round((model.sizeBytes * parameters.after) / parameters.before),
    },
    flopsPerForward,
    flopsPerImage: { before: flopsPerForward.before * forwards, after: flopsPerForward.after * forwards },
    probes,
  };
}

/** A removed block has a probe per stream, each a matrix and a bias. */
export function parameterCost(
  { numBlocks, width: D, blockParameters, globalParameters }: ParameterFacts,
  removed: number,
  replacement: PlanReplacement,
): BeforeAfter {
  const before = globalParameters + numBlocks * blockParameters;
  return { before, after: before - removed * blockParameters + probeParameters(D, removed, replacement) };
}

function probeParameters(D: number, removed: number, replacement: PlanReplacement): number {
  return replacement === 'probes' ? 2 * removed * (D * D + D) : 0;
}
