/**
 * Rotary position angles of the Qwen-Image family: interleaved pairs, three axes, image positions centred (rows and
 * columns −⌈n/2⌉ … ⌊n/2⌋−1), text on the diagonal from the largest half extent on. The rotation itself is
 * x∘cos + (x·P)∘sin with P the constant signed swap of pairs: a small matrix product is fast on every engine, and
 * slices of two elements are not.
 */
const THETA = 10_000;

export interface RotaryTables {
  /** [tokens, headDim], each angle's cosine twice. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

export function imageRotary(
  imageShapes: readonly (readonly [number, number, number])[],
  axes: readonly [number, number, number],
): RotaryTables {
  const positions: [number, number, number][] = [];
  imageShapes.forEach(([frames, height, width], image) => {
    const [top, left] = [Math.floor(height / 2) - height, Math.floor(width / 2) - width];
    for (let f = 0; f < frames; f++) {
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) positions.push([image + f, top + row, left + column]);
      }
    }
  });
  return tablesOf(positions, axes);
}

export function textRotary(
  textTokens: number,
  imageShapes: readonly (readonly [number, number, number])[],
  axes: readonly [number, number, number],
): RotaryTables {
  const start = Math.max(...imageShapes.map(([, h, w]) => Math.max(Math.floor(h / 2), Math.floor(w / 2))));
  return tablesOf(
    Array.from({ length: textTokens }, (_, j) => [start + j, start + j, start + j]),
    axes,
  );
}

function tablesOf(
  positions: readonly [number, number, number][],
  axes: readonly [number, number, number],
): RotaryTables {
  const headDim = axes[0] + axes[1] + axes[2];
  const cos = new Float32Array(positions.length * headDim);
  const sin = new Float32Array(positions.length * headDim);
  let i = 0;
  for (const position of positions) {
    axes.forEach((dims, axis) => {
      for (let k = 0; k < dims / 2; k++) {
        const angle = (position[axis] ?? 0) * THETA ** ((-2 * k) / dims);
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

const FREQUENCIES = 128;
/** Model time is 0..1; the sinusoid's is 0..1000. */
const TIME_SCALE = 1000;

/**
 * Sinusoidal time features [B, 256], cosines first. Rounded to float32 at every step as the reference rounds: an angle
 * of 1000 rad keeps only four decimals, which would otherwise be the largest difference between the two.
 */
export function timeFeatures(timestep: Float32Array): Float32Array {
  const features = new Float32Array(timestep.length * 2 * FREQUENCIES);
  timestep.forEach((t, sample) => {
    for (let k = 0; k < FREQUENCIES; k++) {
      const exponent = Math.fround(Math.fround(Math.fround(-Math.log(THETA)) * k) / FREQUENCIES);
      const angle = Math.fround(TIME_SCALE * Math.fround(t * Math.fround(Math.exp(exponent))));
      features[sample * 2 * FREQUENCIES + k] = Math.cos(angle);
      features[sample * 2 * FREQUENCIES + FREQUENCIES + k] = Math.sin(angle);
    }
  });
  return features;
}
