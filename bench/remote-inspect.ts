/**
 * What opening a remote model of 41 GB takes: bytes and requests of `contigua inspect` on a repository of the shape of
 * Qwen/Qwen-Image, served on loopback with real headers and made-up weights. Twice, the second time with a cache.
 *
 *   node --import ./scripts/sources.mjs bench/remote-inspect.ts
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publishedShape } from '../lib/testing/published-shape.ts';
import { REPO, startSourceServer } from '../lib/testing/source-server.ts';

const BIN = fileURLToPath(new URL('../bin/contigua.mjs', import.meta.url));

const files = publishedShape();
const total = [...files.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
console.log(`${REPO}: ${files.size} files, ${(total / 1e9).toFixed(1)} GB`);
const server = await startSourceServer(files);
const cache = await mkdtemp(join(tmpdir(), 'contigua-bench-'));
try {
  await inspect('without a cache', []);
  await inspect('filling a cache', ['--cache-dir', cache]);
  await inspect('from the cache', ['--cache-dir', cache]);
} finally {
  await server.close();
  await rm(cache, { recursive: true });
}

async function inspect(label: string, options: readonly string[]): Promise<void> {
  server.asked.length = 0;
  server.sentBytes = 0;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [BIN, 'inspect', `hf:${REPO}`, ...options], {
    env: { ...process.env, HF_ENDPOINT: server.hubUrl },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const megabytes = (server.sentBytes / 1e6).toFixed(2);
  console.log(
    `${label.padEnd(16)} ${megabytes} MB in ${server.asked.length} requests, ${seconds} s (exit code ${code})`,
  );
}
