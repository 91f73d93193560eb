/**
 * The health checks of the containers: `node scripts/health.mjs web|host|worker`, run inside one. Exit code 0 where the
 * process of that container answers or takes jobs, else 1 with a sentence that the container engine records.
 */
import { importCompiled } from './compiled.mjs';

const CHECKS = {
  web: () => answers(`http://127.0.0.1:${process.env.PORT || 3000}/`, {}, (status) => status < 500),
  host: () => {
    const headers = { 'x-contigua-secret': process.env.CONTIGUA_JOB_SECRET ?? '' };
    return answers(`http://127.0.0.1:${process.env.CONTIGUA_JOB_PORT}/health`, headers, (status) => status === 200);
  },
  worker: async () => await (await importCompiled('health')).assertJobRunner(),
};

async function answers(url, headers, isFine) {
  const { status } = await fetch(url, { headers, redirect: 'manual' });
  if (!isFine(status)) throw new Error(`${url} answered with ${status}`);
}

const check = CHECKS[process.argv[2]];
if (!check) throw new Error(`Usage: node scripts/health.mjs ${Object.keys(CHECKS).join('|')}`);
await check().then(
  () => process.exit(0),
  (thrown) => {
    console.error(thrown.message);
    process.exit(1);
  },
);
