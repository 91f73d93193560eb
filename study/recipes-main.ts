/** `node --import ./scripts/sources.mjs study/recipes-main.ts`: variations of a student's training, one line each. */
import { parseArgs } from 'node:util';
import { parseIntervalKeys } from '../lib/core/interval/index.ts';
import { WANTED_ENGINES } from '../lib/core/tensor/engine.ts';
import { RECIPES, recipeRows } from './recipes.ts';
import { Sample } from './sample.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '.contigua/study' },
    model: { type: 'string', default: 'shapes-mmdit' },
    engine: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '1' },
    intervals: { type: 'string', default: '2-4,8-10,12-13' },
    recipes: { type: 'string', default: Object.keys(RECIPES).join(';') },
  },
});
const engine = WANTED_ENGINES.find((name) => name === values.engine);
if (!engine) throw new RangeError(`--engine is one of ${WANTED_ENGINES.join(', ')}`);
const sample = await Sample.open({
  model: `public/models/${values.model}`,
  folder: `${values.folder}/${values.model}-recipes`,
  engine,
  threads: Number(values.threads),
  cacheBytes: 20 * 2 ** 30,
});
await recipeRows(
  sample,
  values.recipes.split(';'),
  parseIntervalKeys(values.intervals, sample.model.summary, '--intervals'),
);
