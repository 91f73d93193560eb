import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { '@': fileURLToPath(new URL('.', import.meta.url)) } },
  test: {
    include: ['{app,bench,components,deploy,lib,study,workers,cli,scripts}/**/*.test.{ts,tsx}'],
    environment: 'node',
    // Children that run sources use no cache in a folder that other users can write to (scripts/sources.mjs).
    env: { TSX_DISABLE_CACHE: '1' },
    testTimeout: 180_000,
    maxWorkers: 2,
  },
});
