/**
 * What a choice of edits saves: blocks, parameters, file size and operations, from the model's config alone. Probes and
 * linear maps that replace blocks are counted, and also told apart. Forward time is measured, never computed.
 */
import { type EditSet, mappedRuns, type RunSet, runsOf } from '../edit/index.ts';
import { removedCount, sumOverRemoved } from '../interval/index.ts';
import {
  countFlops,
  editedModel,
  type ModelConfig,
  parseModelConfig,
  type RawConfig,
  type StreamTokens,
} from '../model/config-index.ts';
import type { BeforeAfter } from './plan.ts';

/** A block as costs know it. */
export interface CostedBlock {
  readonly parameters: number;
  /** What the model loses with it, where that is not its own. */
  readonly saves?: { readonly parameters: number };
  /** What a run from it to the last block saves beside that. */
  readonly savesAtEnd?: { readonly parameters: number };
  /** Streams whose state it changes. */
  readonly updates: readonly string[];
}

/** Parameters that the model loses with each block. */
export function savedParameters(blocks: readonly Pick<CostedBlock, 'parameters' | 'saves'>[]): number[] {
  return blocks.map(({ parameters, saves }) => saves?.parameters ?? parameters);
}

/** What a run from each block to the last one saves beside those. */
export function savedAtEnd(blocks: readonly Pick<CostedBlock, 'savesAtEnd'>[]): number[] {
  return blocks.map(({ savesAtEnd }) => savesAtEnd?.parameters ?? 0);
}

interface ParameterFacts {
  readonly width: number;
  /** One per block. */
  readonly blocks: readonly CostedBlock[];
  readonly globalParameters: number;
  /** config.json, which says what narrower blocks hold; needed where there are any. */
  readonly config?: RawConfig;
}

/** The facts of an opened model that costs depend on; a ModelSummary has them all. */
export interface CostedModel extends ParameterFacts {
  /** Of all files as stored. */
  readonly sizeBytes: number;
  readonly tokensPerForward: StreamTokens;
  readonly config: RawConfig;
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

/** A fitted map is a matrix and a bias for each stream that the last block of its run updates. FLOPs of one forward of one sample. */
export function mapCost(
  width: number,
  streams: readonly string[],
  tokens: StreamTokens,
): { readonly parameters: number; readonly flops: number } {
  return {
    parameters: streams.length * (width * width + width),
    flops: streams.reduce((sum, stream) => sum + 2 * width * width * (tokens[stream] ?? 0), 0),
  };
}

/** `edits` are a valid set of the model. */
export function planCost(model: CostedModel, edits: EditSet, { steps, forwardsPerStep }: ImageRun): PlanCost {
  const { blocks, width, tokensPerForward: tokens } = model;
  const runs = runsOf(edits);
  const mapped = mappedStreams(blocks, runs);
  const maps = mapCost(width, mapped, tokens);
  const probes = { count: mapped.length, parameters: maps.parameters, flopsPerForward: maps.flops };
  const config = configOf(model);
  const flopsPerForward = {
    before: countFlops(config, tokens).total,
    after: editedModel(config, edits).flops(tokens) + probes.flopsPerForward,
  };
  const parameters = parameterCost(model, edits);
  const forwards = steps * forwardsPerStep;
  return {
    blocks: { before: blocks.length, after: blocks.length - removedCount(runs) },
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

export function parameterCost(model: ParameterFacts, edits: EditSet): BeforeAfter {
  const { width, blocks, globalParameters } = model;
  const runs = runsOf(edits);
  const before = globalParameters + blocks.reduce((sum, { parameters }) => sum + parameters, 0);
  const maps = mapCost(width, mappedStreams(blocks, runs), {});
  const stays =
    runs.length === edits.length
      ? before - sumOverRemoved(runs, savedParameters(blocks), savedAtEnd(blocks))
      : editedModel(configOf(model), edits).parameters;
  return { before, after: stays + maps.parameters };
}

/** The stream of every fitted map, over all runs. */
function mappedStreams(blocks: readonly Pick<CostedBlock, 'updates'>[], runs: RunSet): string[] {
  return mappedRuns(runs).flatMap(({ last }) => blocks[last]?.updates ?? []);
}

export function configOf({ config }: { readonly config?: RawConfig }): ModelConfig {
  if (!config) throw new RangeError('Narrower blocks need the config of the model');
  return parseModelConfig(JSON.stringify(config), 'config.json');
}
