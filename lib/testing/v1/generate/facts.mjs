/**
 * Copies what reports-and-plans.sh made into this folder and writes what version 1's code reads in it, as facts.json:
 * `node facts.mjs WORK`. Needs version 1's code: a later version must read the same, so it must never write these anew.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { register } from 'tsx/esm/api';

register();
const { reportFacts, REPORTS } = await import('../reports/reading.ts');
const { planFacts } = await import('../plans/reading.ts');
const { textOf } = await import('../read-fixture.ts');

const [work] = process.argv.slice(2);
if (!work) throw new Error('Name the folder of the generators before this one');
const here = new URL('../', import.meta.url);
const packed = (text) => gzipSync(text, { level: 9 });

for (const name of REPORTS) {
  let text = await readFile(join(work, 'reports', name.replace('.gz', '')), 'utf8');
  // 36,000 numbers of 17 digits do not compress; six digits open just as well.
  if (name.startsWith('sixty-blocks')) text = `${JSON.stringify(JSON.parse(text), short)}\n`;
  await writeFile(new URL(`reports/${name}`, here), name.endsWith('.gz') ? packed(text) : text);
}
const reports = Object.fromEntries(REPORTS.map((name) => [name, reportFacts(textOf(`reports/${name}`), name)]));
await writeFile(new URL('reports/facts.json.gz', here), packed(JSON.stringify(reports)));

for (const name of (await readdir(join(work, 'plans'))).filter((one) => one.endsWith('.json'))) {
  await writeFile(new URL(`plans/${name}`, here), await readFile(join(work, 'plans', name)));
}
const plans = {};
for (const name of (await readdir(new URL('plans/', here))).sort()) {
  if (!name.endsWith('.json') || name.endsWith('.config.json') || name.startsWith('facts')) continue;
  plans[name] = planFacts(textOf(`plans/${name}`), name);
}
await writeFile(new URL('plans/facts.json', here), `${JSON.stringify(plans, null, 1)}\n`);

function short(_, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}
