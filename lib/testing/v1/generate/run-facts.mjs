/** Writes runs/facts.json.gz, what version 1's code reads in the packed embedded database: `node run-facts.mjs`. */
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { register } from 'tsx/esm/api';

register();
const { createBackend } = await import('../../../server/create-backend.ts');
const { readEnv } = await import('../../../server/env.ts');
const { earlierData } = await import('../runs/data-folder.ts');
const { RUNS, runFacts, runIds } = await import('../runs/reading.ts');

const data = await earlierData(true);
try {
  const backend = await createBackend(readEnv({ ...data.variables, CONTIGUA_SLOTS: '0' }));
  const ids = await runIds(backend);
  const facts = {};
  for (const name of RUNS) facts[name] = await runFacts(backend, ids[name]);
  await backend.close();
  await writeFile(new URL('../runs/facts.json.gz', import.meta.url), gzipSync(JSON.stringify(facts), { level: 9 }));
} finally {
  await data.remove();
}
