/**
 * Runs the TypeScript sources as they lie, for benchmarks and studies: `node --import ./scripts/sources.mjs bench/forward.ts`.
 * Without the loader's cache, which lies in the system's temporary folder, where other users can put code into it.
 */
process.env.TSX_DISABLE_CACHE = '1';
const { register } = await import('tsx/esm/api');
register();
