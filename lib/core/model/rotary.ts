/**
 * Rotary position tables over any number of axes, interleaved pairs; which positions tokens have is the families' own. The
 * rotation itself is x∘cos + (x·P)∘sin with P the constant signed swap of pairs: a small matrix product is fast on every
 * engine, and slices of two elements are not. Sinusoidal time features are here too.
 */
const THETA = 10_000;

export interface RotaryTables {
  /** [tokens, headDim], each angle's cosine twice. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** `positions` [tokens][axes]; `axes` are the rotary dimensions of each axis, which add up to the size of a head. */
export function rotaryTables(
  positions: readonly (readonly number[])[],
  axes: readonly number[],
  theta = THETA,
): RotaryTables {
  const headDim = axes.reduce((sum, dims) => sum + dims, 0);
  const cos = new Float32Array(positions.length * headDim);
  const sin = new Float32Array(positions.length * headDim);
  let i = 0;
  for (const position of positions) {
    axes.forEach((dims, axis) => {
      for (let k = 0; k < dims / 2; k++) {
        const angle = (position[axis] ?? 0) * theta ** ((-2 * k) / dims);
        cos[i] = cos[i + 1] = Math.cos(angle);
        sin[i] = sin[i + 1] = Math.sin(angle);
        i += 2;
      }
    });
  }
  return { cos, sin };
}

/** P [headDim, headDim] with (x·P)[2k] = −x[2k+1] and (x·P)[2k+1] = x[2k]. */
export function pairSwap(headDim: number): Float32Array {
  const swap = new Float32Array(headDim * headDim);
  for (let k = 0; k < headDim; k += 2) {
    swap[(k + 1) * headDim + k] = -1;
    swap[k * headDim + k + 1] = 1;
  }
  return swap;
}

/** Features of a sinusoid in every family, by default: half of them cosines. */
const CHANNELS = 256;

/**
 * Sinusoidal features [B, channels] of time steps or guidance scales, cosines first; angles are `angleScale` times value times
 * frequency. Rounded to float32 at every step as the reference rounds: an angle
 * of 1000 rad keeps only four decimals, which would otherwise be the largest difference between the two.
 */
export function timeFeatures(values: Float32Array, angleScale: number, channels = CHANNELS): Float32Array {
  const frequencies = channels / 2;
  const features = new Float32Array(values.length * channels);
  values.forEach((t, sample) => {
    for (let k = 0; k < frequencies; k++) {
      const exponent = Math.fround(Math.fround(Math.fround(-Math.log(THETA)) * k) / frequencies);
      const angle = Math.fround(angleScale * Math.fround(t * Math.fround(Math.exp(exponent))));
      features[sample * channels + k] = Math.cos(angle);
      features[sample * channels + frequencies + k] = Math.sin(angle);
    }
  });
  return features;
}
