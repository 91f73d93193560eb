/**
 * The page is cross-origin isolated (COOP + COEP), because WASM threads need SharedArrayBuffer, and takes nothing from
 * other hosts. The page's own content security policy carries a nonce and is set in proxy.ts; scripts of workers get
 * theirs here, since a worker obeys the policy of its own file.
 */
import { PHASE_PRODUCTION_BUILD, PHASE_PRODUCTION_SERVER } from 'next/constants.js';
import { engineBuild } from './scripts/engine-build.mjs';
import { copyEngineFiles } from './scripts/engine-files.mjs';

const ISOLATION = [
  { key: 'Cross-Origin-Opener-Policy', value: 'same-origin' },
  { key: 'Cross-Origin-Embedder-Policy', value: 'require-corp' },
  { key: 'Cross-Origin-Resource-Policy', value: 'same-origin' },
  { key: 'X-Content-Type-Options', value: 'nosniff' },
  { key: 'Referrer-Policy', value: 'no-referrer' },
];

/** Development tools evaluate strings and talk over a web socket; a build does neither. */
const development = process.env.NODE_ENV === 'development';
const WORKER_POLICY = [
  "default-src 'none'",
  `script-src 'self' 'wasm-unsafe-eval'${development ? " 'unsafe-eval'" : ''}`,
  "worker-src 'self'",
  `connect-src 'self'${development ? ' ws:' : ''}`,
].join('; ');

/** @returns {Promise<import('next').NextConfig>} */
export default async function config(phase) {
  if (phase !== PHASE_PRODUCTION_SERVER) await copyEngineFiles();
  return {
    poweredByHeader: false,
    reactStrictMode: true,
    // Checked engines are remembered under it (lib/compute/engines/kept-checks.ts); while sources change, none is.
    env: { CONTIGUA_ENGINE_BUILD: phase === PHASE_PRODUCTION_BUILD ? await engineBuild() : '' },
    // `npm test` checks the types of everything, tests and tools included; the build need not do it again.
    typescript: { ignoreBuildErrors: true },
    // The optimizer fetches what an address names, past the guards of the API; no page uses it.
    images: { unoptimized: true },
    // Downloads pass through (proxy.ts): a large model takes its time to the first byte, and a receiver may pause.
    experimental: { proxyTimeout: 600_000 },
    turbopack: {
      root: import.meta.dirname,
      // The literal request of tfjs-backend-wasm; see workers/wasm-threaded.mjs for why.
      resolveAlias: { '../wasm-out/tfjs-backend-wasm-threaded-simd.js': './workers/wasm-threaded.mjs' },
    },
    async headers() {
      return [
        { source: '/:path*', headers: ISOLATION },
        ...['/_next/static/:path*', '/engines/:path*'].map((source) => ({
          source,
          headers: [{ key: 'Content-Security-Policy', value: WORKER_POLICY }],
        })),
        // No other encoding than the file's own, so that byte ranges of a model mean bytes of the file.
        { source: '/models/:path*', headers: [{ key: 'Cache-Control', value: 'public, max-age=0, no-transform' }] },
      ];
    },
  };
}
