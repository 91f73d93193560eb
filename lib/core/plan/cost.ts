/**
 * What a choice of intervals saves: blocks, parameters, file size and operations, from the model's config alone. Where
 * probes stand in for blocks they are counted, and also told apart. Forward time is measured, never computed.
 */
import { type IntervalSet, removedBlocks, sumOverRemoved } from '../interval/index.ts';
import { countFlops, parseModelConfig, type StreamTokens } from '../model/config-index.ts';
import type { BeforeAfter, PlanReplacement } from './plan.ts';

interface ParameterFacts {
  readonly width: number;
  /** One per block. */
  readonly blocks: readonly { readonly parameters: number; readonly updates: readonly string[] }[];
  readonly globalParameters: number;
}

/** The facts of an opened model that costs depend on; a worker's ModelSummary has them all. */
export interface CostedModel extends ParameterFacts {
  /** Of all files as stored. */
  readonly sizeBytes: number;
  readonly tokensPerForward: StreamTokens;
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
  const { blocks, width: D, tokensPerForward: tokens } = model;
  const removed = removedBlocks(intervals);
  const probed = replacement === 'probes' ? removed.flatMap((index) => blocks[index]?.updates ?? []) : [];
  const probes = {
    count: probed.length,
    parameters: probed.length * (D * D + D),
    flopsPerForward: probed.reduce(
      (sum, stream) => sum + 2 * D * D * (stream === 'text' ? tokens.text : tokens.image),
      0,
    ),
  };
  const flops = countFlops(parseModelConfig(JSON.stringify(model.config), 'config.json'), tokens);
  const flopsPerForward = {
    before: flops.total,
    after: flops.total - sumOverRemoved(intervals, flops.blocks) + probes.flopsPerForward,
  };
  const parameters = parameterCost(model, intervals, replacement);
  const forwards = steps * forwardsPerStep;
  return {
    blocks: { before: blocks.length, after: blocks.length - removed.length },
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

/** A removed block has a probe, a matrix and a bias, per stream that it updates. */
export function parameterCost(
  { width: D, blocks, globalParameters }: ParameterFacts,
  intervals: IntervalSet,
  replacement: PlanReplacement,
): BeforeAfter {
  const parameters = blocks.map((block) => block.parameters);
  const before = globalParameters + parameters.reduce((sum, n) => sum + n, 0);
  const probes =
    replacement === 'probes' ? removedBlocks(intervals).flatMap((index) => blocks[index]?.updates ?? []).length : 0;
  return { before, after: before - sumOverRemoved(intervals, parameters) + probes * (D * D + D) };
}
