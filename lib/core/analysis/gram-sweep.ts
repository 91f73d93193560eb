/**
 * CKA, noise bands, resamples and trajectories of one stream from one centred Gram per state, for no more judged rows than
 * features. States and probes come one at a time from wherever they are kept; surrogates from all starts advance together,
 * so that each probe is read once. What is held is one state, one surrogate, one probe, and the Grams.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap } from '../model/route.ts';
import { CentredStates } from './centred-states.ts';
import { rowBatches } from './gram-batches.ts';
import { GramFigures, type SweepOf, type Swept } from './gram-figures.ts';
import { type ProbeStep, probeStep } from './kernels.ts';
import type { Pace } from './pace.ts';

/** Where the rows of one stream are kept. Indices of states: 0 is the embedded input, i + 1 the state after block i. */
export interface SweepRows {
  /** The judged rows of a state [rows, width], as they were captured; ascending. Each is asked for twice, the last once. */
  state(index: number): Promise<Float32Array>;
  /** The probe of block k, or null where it does not update the stream. Asked once for each, ascending. */
  probe(block: number): Promise<AffineMap | null>;
  /** The surrogate that starts from a state [rows, width], as last put: bit for bit. */
  surrogate(start: number): Promise<Float32Array>;
  /** The array is the sweep's until the promise settles. */
  putSurrogate(start: number, rows: Float32Array): Promise<void>;
}

export interface SweepProgress {
  /** Called once per state compared: blocks + 1 times. */
  readonly onState?: () => void;
  /** Called once per surrogate and block: blocks · (blocks + 1) / 2 times. */
  readonly onSurrogate?: () => void;
}

/** Rows beyond `mostRows` are compared in batches of about half as many (gram-batches.ts). */
export async function sweepGrams(
  of: SweepOf,
  from: SweepRows,
  pace: Pace,
  { onState = () => {}, onSurrogate = () => {} }: SweepProgress = {},
  mostRows?: number,
): Promise<Swept> {
  const sweep = new GramSweep(of, from, mostRows);
  try {
    for (let index = 0; index <= of.blocks; index++) {
      await sweep.addState(index);
      onState();
      await pace.breathe();
    }
    for (let block = 0; block < of.blocks; block++) {
      await sweep.advance(block, pace, onSurrogate);
    }
    return sweep.figures.result();
  } finally {
    sweep.figures.dispose();
  }
}

class GramSweep {
  readonly #of: SweepOf;
  readonly #from: SweepRows;
  readonly figures: GramFigures;

  constructor(of: SweepOf, from: SweepRows, mostRows?: number) {
    this.#of = of;
    this.#from = from;
    this.figures = new GramFigures(of, rowBatches(of.rows, mostRows));
  }

  async addState(index: number): Promise<void> {
    const centred = await this.#centred(index);
    const x = centred.tensor(0);
    try {
      await this.figures.addState(index, x, centred.isConstant(0));
    } finally {
      x.dispose();
    }
  }

  /** Applies the probe of a block to the surrogates from all states before it. */
  async advance(block: number, pace: Pace, onSurrogate: () => void): Promise<void> {
    const probe = this.#of.updated[block] ? await this.#from.probe(block) : null;
    const step = probe && probeStep(probe);
    try {
      for (let start = 0; start <= block; start++) {
        if (step || start === block) await this.#advanceFrom(start, block, step);
        onSurrogate();
        await pace.breathe();
      }
    } finally {
      step?.dispose();
    }
  }

  /** The surrogate that starts from a state; it begins at the block after it. */
  async #advanceFrom(start: number, block: number, step: ProbeStep | null): Promise<void> {
    const { rows, width } = this.#of;
    const values = start === block ? (await this.#centred(start)).values(0) : await this.#from.surrogate(start);
    if (!step) return await this.#from.putSurrogate(start, values);
    const next = tf.tidy(() => step.advance(tf.tensor2d(values, [rows, width])));
    try {
      await this.figures.addSurrogate(start, block, next);
      // After the last block nobody reads it.
      if (block < this.#of.blocks - 1) await this.#from.putSurrogate(start, await next.data<'float32'>());
    } finally {
      next.dispose();
    }
  }

  async #centred(index: number): Promise<CentredStates> {
    const { rows, width } = this.#of;
    return new CentredStates([await this.#from.state(index)], rows, width);
  }
}
