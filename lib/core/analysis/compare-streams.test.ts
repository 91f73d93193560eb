import { expect, it } from 'vitest';
import { architectureOf, parseModelConfig } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { seededRandom } from '../random.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { compareStreams } from './compare-streams.ts';
import { Pace } from './pace.ts';
import { stateKey } from './probe-sweep.ts';
import { StageClock } from './stage-clock.ts';

const BLOCKS = 3;
const ROWS = 12;
const raw = { ...goldenQ1().config.raw, num_layers: BLOCKS };
const { blocks } = architectureOf(parseModelConfig(JSON.stringify(raw), 'config.json'));

/** Of `captured` rows of each state but one, compared over `rows` of them. */
async function compared(width: number, missing: number | null, { captured = ROWS, rows = ROWS } = {}) {
  const store = memoryStates();
  const { normal } = seededRandom(3);
  for (let state = 0; state <= BLOCKS; state++) {
    const values = Float32Array.from({ length: captured * width }, () => normal());
    if (state === missing) continue;
    await store.create(stateKey('image', state), captured, width);
    await store.write(stateKey('image', state), 0, values);
    await store.seal(stateKey('image', state));
  }
  const probe = { weight: new Float32Array(width * width), bias: new Float32Array(width) };
  return await compareStreams(
    {
      store,
      lasts: false,
      rows: { image: rows },
      blocks,
      width,
      probes: { of: async () => ({ image: probe }) },
      judged: null,
      surrogateBytes: 1e9,
    },
    new Pace(undefined),
    new StageClock(),
    () => {},
  );
}

describePerEngine(['cpu'], 'streams', () => {
  it.each([
    ['no more rows than features', 16],
    ['more rows than features', 4],
  ])('are not compared where a state is missing in the store, with %s', async (_, width) => {
    expect((await compared(width, null)).image?.all?.cka.biased).toHaveLength(BLOCKS);
    await expect(compared(width, 2)).rejects.toThrow(`No sealed state ${stateKey('image', 2)}`);
  });

  it('are not compared over more rows than a stored state has', async () => {
    await expect(compared(16, null, { captured: ROWS - 1 })).rejects.toThrow(/has no row 11: it has 11/);
  });
});
