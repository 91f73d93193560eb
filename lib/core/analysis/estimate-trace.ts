/**
 * What the analysis of a trace will take. Its states are read where they are, so that no room is taken by them; a state is
 * read once for probes, for each of the rows that are compared, and for pairs.
 */
import { countsOf } from '../capture/index.ts';
import { memoryStates } from '../states/index.ts';
import { type AnalysisEstimate, type AnalysisLimits, BASE_BYTES, type EstimateOptions, tooLittle } from './estimate.ts';
import { bytesOfRows, figureBytes, measureFigures, resultBytes, steadySeconds } from './estimate-figures.ts';
import { splitRows } from './held-out.ts';
import { judgedRows } from './judged-rows.ts';
import { Pace } from './pace.ts';
import { stateKey } from './probe-sweep.ts';
import { isOneSweep } from './similarity-form.ts';
import type { StatesSource } from './states-source.ts';

export interface TraceEstimate extends Pick<AnalysisEstimate, 'tokens' | 'storedBytes' | 'memoryBytes' | 'readBytes'> {
  readonly seconds: { readonly reading: number } & Pick<AnalysisEstimate['seconds'], 'probes' | 'similarity'>;
  readonly limits: Pick<AnalysisLimits, 'surrogateBytes'>;
  /** Of what is stored, so much does not shrink with the tokens. */
  readonly fixedBytes: number;
}

/** For probes, twice for what is compared by one sweep, and for pairs. */
const READINGS = 4;
/** Twice more where held-out rows and all rows are compared by themselves. */
const READINGS_APART = 6;

/** `stateBytes`: of all states, as the file holds them. Rejects with `too-large` where `memoryBytes` is too little. */
export async function estimateTrace(
  source: StatesSource,
  {
    signal,
    memoryBytes,
    inFiles,
    stateBytes,
    meter,
  }: Pick<EstimateOptions, 'signal' | 'memoryBytes' | 'inFiles' | 'meter'> & { readonly stateBytes: number },
): Promise<TraceEstimate> {
  const { samples, width } = source;
  const { blocks, streams } = source.architecture;
  const pace = new Pace(signal);
  const split = splitRows(samples);
  const of = { blocks, streams, width, rows: countsOf(samples.rows), split, judged: judgedRows(samples, split) };
  const before = meter?.now() ?? BASE_BYTES;
  const store = source.storeOver(memoryStates());
  const readSeconds = await steadySeconds(async () => {
    for (const { id } of streams) await store.read(stateKey(id, 0));
  });
  const { probesSeconds, similaritySeconds, comparedBytes, surrogateBytes, checkpointBytes } = await measureFigures(
    of,
    pace,
  );

  const { length } = streams.filter(({ id }) => {
    return isOneSweep(of.rows[id] ?? 0, split.heldOut[id]!.length, blocks.length, width);
  });
  const readings = length === streams.length ? READINGS : READINGS_APART;
  const rowBytes = bytesOfRows(of);
  // While probes are fitted: the states before and after a block.
  const running = (meter?.peak() ?? before) + 3 * rowBytes;
  const comparing = before + comparedBytes;
  const kept = figureBytes(of);
  const inMemory = inFiles ? 0 : kept;
  const least = Math.max(running, comparing + (inFiles ? surrogateBytes / blocks.length : surrogateBytes)) + inMemory;
  if (least > memoryBytes) throw tooLittle(memoryBytes, least, false);
  const room = Math.max(0, memoryBytes - comparing - inMemory);
  return {
    tokens: of.rows,
    seconds: {
      reading: readings * readSeconds * (blocks.length + 1),
      probes: probesSeconds,
      similarity: similaritySeconds,
    },
    readBytes: readings * stateBytes,
    storedBytes: kept + (inFiles ? Math.max(0, surrogateBytes - room) + checkpointBytes : 0),
    memoryBytes: Math.max(
      meter?.taken?.() ?? 0,
      running + inMemory,
      comparing + inMemory + Math.min(surrogateBytes, room),
    ),
    limits: { surrogateBytes: room },
    fixedBytes: resultBytes(of),
  };
}
