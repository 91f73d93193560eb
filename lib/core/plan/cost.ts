/**
 * What a choice of edits saves: blocks, parameters, file size and operations, from the model's config alone. Probes and
 * linear maps that replace blocks are counted, and also told apart. Forward time is measured, never computed.
 */
import { mappedRuns, type RunSet } from '../edit/index.ts';
import { removedCount, sumOverRemoved } from '../interval/index.ts';
import { countFlops, parseModelConfig, type StreamTokens } from '../model/config-index.ts';
import type { BeforeAfter } from './plan.ts';

/** A block as costs know it. */
export interface CostedBlock {
  readonly parameters: number;
  /** What the model loses with it, where that is not its own. */
  readonly saves?: { readonly parameters: number };
  /** Streams whose state it changes. */
  readonly updates: readonly string[];
}

/** Parameters that the model loses with each block. */
export function savedParameters(blocks: readonly Pick<CostedBlock, 'parameters' | 'saves'>[]): number[] {
  return blocks.map(({ parameters, saves }) => saves?.parameters ?? parameters);
}

interface ParameterFacts {
  readonly width: number;
  /** One per block. */
  readonly blocks: readonly CostedBlock[];
  readonly globalParameters: number;
}

/** The facts of an opened model that costs depend on; a ModelSummary has them all. */
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
  /** The part of every `after` that probes and linear maps make up; zeros where blocks are just removed. */
  readonly probes: { readonly count: number; readonly parameters: number; readonly flopsPerForward: number };
}

/** `edits` are a valid set of the model. */
export function planCost(model: CostedModel, edits: RunSet, { steps, forwardsPerStep }: ImageRun): PlanCost {
  const { blocks, width: D, tokensPerForward: tokens } = model;
  const mapped = mappedRuns(edits).flatMap(({ last }) => blocks[last]?.updates ?? []);
  const probes = {
    count: mapped.length,
    parameters: mapped.length * (D * D + D),
    flopsPerForward: mapped.reduce((sum, stream) => sum + 2 * D * D * (tokens[stream] ?? 0), 0),
  };
  const flops = countFlops(parseModelConfig(JSON.stringify(model.config), 'config.json'), tokens);
  const flopsPerForward = {
    before: flops.total,
    after: flops.total - sumOverRemoved(edits, flops.saved) + probes.flopsPerForward,
  };
  const parameters = parameterCost(model, edits);
  const forwards = steps * forwardsPerStep;
  return {
    blocks: { before: blocks.length, after: blocks.length - removedCount(edits) },
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

/** A fitted map is a matrix and a bias per stream that the last block of its run updates. */
export function parameterCost({ width: D, blocks, globalParameters }: ParameterFacts, edits: RunSet): BeforeAfter {
  const before = globalParameters + blocks.reduce((sum, { parameters }) => sum + parameters, 0);
  const maps = mappedRuns(edits).flatMap(({ last }) => blocks[last]?.updates ?? []).length;
  return { before, after: before - sumOverRemoved(edits, savedParameters(blocks)) + maps * (D * D + D) };
}
