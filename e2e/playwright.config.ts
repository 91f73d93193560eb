/**
 * Journeys in a real Chromium. `wasm` is the default engine of a machine without a GPU; `server` are those on it that ask the job
 * host, one file after the other: they train, and one kills it. `webgpu` and `webgl` run on Chromium's software renderer, which is
 * correct and slow, so they hold only the small cases in their folders.
 */
import { defineConfig } from '@playwright/test';
import { CHECKED_ENGINE } from './checked-engine.ts';

const port = process.env.E2E_PORT;
const baseURL = process.env.E2E_BASE_URL ?? `http://127.0.0.1:${port}`;
const quiet = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const SERVER = /\/(door|families|flux-sample|narrow-run|run-tabs|runs|runs-trouble|supervision)\.e2e\.ts$/;
const unchecked = { launchOptions: { executablePath: process.env.E2E_CHROMIUM, args: quiet } };
/** As at a second visit: the browser remembers that the engine passed its check, a third of what a first load takes. */
const wasm = { ...unchecked, storageState: CHECKED_ENGINE };

export default defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  fullyParallel: false,
  workers: 2,
  forbidOnly: Boolean(process.env.CI),
  retries: process.env.CI ? 1 : 0,
  // Two journeys share two cores, with whatever else runs there.
  timeout: 300_000,
  expect: { timeout: 30_000 },
  use: {
    baseURL,
    viewport: { width: 1440, height: 900 },
    acceptDownloads: true,
    screenshot: 'only-on-failure',
    permissions: ['clipboard-read', 'clipboard-write'],
    // Drawn in software, what moves while a page loads takes a quarter of the processor.
    contextOptions: { reducedMotion: 'reduce' },
  },
  projects: [
    { name: 'first visit', testMatch: /first-visit\.setup\.ts$/, use: unchecked },
    // Its longest files come first, beside the short ones of the other.
    { name: 'server', dependencies: ['first visit'], testMatch: SERVER, workers: 1, use: wasm },
    {
      name: 'wasm',
      dependencies: ['first visit'],
      testIgnore: [/e2e\/(webgpu|webgl)\//, SERVER],
      use: wasm,
    },
    {
      name: 'webgpu',
      testMatch: /e2e\/webgpu\/.*\.e2e\.ts/,
      use: {
        launchOptions: {
          executablePath: process.env.E2E_CHROMIUM,
          args: [...quiet, '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
        },
      },
    },
    {
      name: 'webgl',
      testMatch: /e2e\/webgl\/.*\.e2e\.ts/,
      use: {
        launchOptions: {
          executablePath: process.env.E2E_CHROMIUM,
          args: [...quiet, '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
        },
      },
    },
  ],
  testMatch: /.*\.e2e\.ts/,
  ...(process.env.E2E_BASE_URL
    ? {}
    : {
        webServer: {
          command: 'node ../scripts/start.mjs --no-build',
          env: { PORT: String(port) },
          // Answered by the job host, which may be up later than the web server.
          url: `${baseURL}/api/trpc/server.status`,
          // Killed outright, it would leave the servers that it started.
          gracefulShutdown: { signal: 'SIGTERM', timeout: 20_000 },
          reuseExistingServer: false,
          timeout: 180_000,
        },
      }),
});
