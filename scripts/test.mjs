/**
 * `npm test`: types, lint, import rules, unit tests (per engine) and the journeys in a real Chromium, one after the other,
 * and one closing line with the counts of all of them. Each of the first three counts as one test. A stage that fails does
 * not hide the next ones. `npm test -- unit` runs only the named stages. Numeric tests run on the engine tensorflow as
 * well where it is set up; the closing lines say whether it was.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const reports = await mkdtemp(join(tmpdir(), 'contigua-test-'));
/** Passed tests of each engine. */
const engines = new Map();
const bin = (name) => join('node_modules', '.bin', name);

const stages = {
  types: { command: [bin('tsc'), '--noEmit'] },
  lint: { command: [bin('biome'), 'ci', '--error-on-warnings', '.'] },
  arrows: { command: [bin('depcruise'), '--output-type', 'err-long', '.'] },
  unit: {
    command: [bin('vitest'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${reports}/unit.json`],
    // TensorFlow's library would speak of instruction sets between the tests.
    env: { TF_CPP_MIN_LOG_LEVEL: '2' },
    count: async () => {
      const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
        await readFile(`${reports}/unit.json`, 'utf8'),
      );
      for (const { status, ancestorTitles } of testResults.flatMap((file) => file.assertionResults)) {
        // The suites of lib/core/tensor/test-engines.ts.
        const engine = / on (cpu|wasm|tensorflow)$/.exec(ancestorTitles[0] ?? '')?.[1];
        if (engine && status === 'passed') engines.set(engine, (engines.get(engine) ?? 0) + 1);
      }
      return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
    },
  },
  e2e: {
    command: [process.execPath, 'scripts/e2e.mjs', '--reporter=list,json'],
    env: { PLAYWRIGHT_JSON_OUTPUT_NAME: `${reports}/e2e.json` },
    count: async () => {
      const { stats } = JSON.parse(await readFile(`${reports}/e2e.json`, 'utf8'));
      return { passed: stats.expected + stats.flaky, failed: stats.unexpected, skipped: stats.skipped };
    },
  },
};

function run([command, ...args], env = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in stages));
if (unknown.length > 0) {
  console.error(`Unknown stage ${unknown.join(', ')}; there are ${Object.keys(stages).join(', ')}`);
  process.exit(2);
}

const total = { passed: 0, failed: 0, skipped: 0 };
for (const [name, { command, env, count }] of Object.entries(stages)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n── ${name}: ${command.slice(0, 3).join(' ')}`);
  const code = await run(command, env);
  const alone = { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  const counts = count ? await count().catch(() => alone) : alone;
  // A runner may fail without a failed test (a setup error, an unhandled rejection): that is a failure too.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  for (const key of Object.keys(total)) total[key] += counts[key];
}
await rm(reports, { recursive: true, force: true });
if (engines.size > 0) {
  const tested = [...engines].map(([engine, tests]) => `${engine} ${tests}`).join(', ');
  const missing = engines.has('tensorflow') ? '' : '. NOT on tensorflow, which `npm run engine:tensorflow` sets up';
  console.log(`\nNumeric tests passed per engine: ${tested}${missing}`);
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed > 0 ? 1 : 0);
