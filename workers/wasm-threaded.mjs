/**
 * Stands in for TensorFlow.js' threaded WASM factory in the browser bundle (aliased in next.config.mjs).
 *
 * The backend hands `factory.toString()` to its thread workers. A bundler rewrites free variables inside that source, so
 * the threads fail and the backend waits for ever. This factory loads the untouched script from public/engines instead
 * and points the threads at files, which also keeps `blob:` out of the content security policy.
 */
const folder = new URL('/engines/', self.location.origin).href;

export default async function threadedFactory(config) {
  const { default: factory } = await import(/* turbopackIgnore: true */ `${folder}tfjs-backend-wasm-threaded-simd.mjs`);
  return await factory({
    ...config,
    locateFile: (path) => folder + path,
    mainScriptUrlOrBlob: `${folder}tfjs-backend-wasm-threaded-simd.js`,
  });
}
