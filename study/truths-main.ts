/** Trains and draws what scores are held against, and nothing else: long, resumable, independent of any analysis. */
import { parseArgs } from 'node:util';
import { WANTED_ENGINES } from '../lib/core/tensor/engine.ts';
import { Sample } from './sample.ts';
import { intervalTruths, planTruths } from './truths.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '.contigua/study' },
    models: { type: 'string', default: 'shapes-mmdit,shapes-flux' },
    engine: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
  },
});
const engine = WANTED_ENGINES.find((name) => name === values.engine);
if (!engine) throw new RangeError(`--engine is one of ${WANTED_ENGINES.join(', ')}`);
for (const name of values.models.split(',')) {
  const sample = await Sample.open({
    model: `public/models/${name}`,
    folder: `${values.folder}/${name}`,
    engine,
    threads: Number(values.threads),
    cacheBytes: 20 * 2 ** 30,
  });
  console.error(`${name}: ${sample.device}`);
  await intervalTruths(sample, Number(values.from));
  await planTruths(sample, Number(values.from));
}
