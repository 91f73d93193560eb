/**
 * Copies TensorFlow.js' WASM files from node_modules to public/engines, where the compute worker loads them. Called by
 * next.config.mjs, so development, build and start all have them and no file comes from another host. Three kinds: the
 * binaries; the threaded script as it is, for the threads, and as a module, for the worker; the thread's own script.
 */
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const THREADED = 'tfjs-backend-wasm-threaded-simd';

export async function copyEngineFiles() {
  const manifest = require.resolve('@tensorflow/tfjs-backend-wasm/package.json');
  const from = join(dirname(manifest), 'wasm-out');
  const to = fileURLToPath(new URL('../public/engines/', import.meta.url));
  await mkdir(to, { recursive: true });

  const { version } = JSON.parse(await readFile(manifest, 'utf8'));
  const stamp = join(to, 'version.txt');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === version) return;

  const script = await readFile(join(from, `${THREADED}.js`), 'utf8');
  const { wasmWorkerContents } = require(join(from, `${THREADED}.worker.js`));
  await copyFile(join(from, 'tfjs-backend-wasm.wasm'), join(to, 'tfjs-backend-wasm.wasm'));
  await copyFile(join(from, 'tfjs-backend-wasm-simd.wasm'), join(to, 'tfjs-backend-wasm-simd.wasm'));
  await copyFile(join(from, `${THREADED}.wasm`), join(to, `${THREADED}.wasm`));
  await writeFile(join(to, `${THREADED}.js`), script);
  await writeFile(join(to, `${THREADED}.mjs`), `${script}\nexport default WasmBackendModuleThreadedSimd;\n`);
  // The package keeps this script in a template literal, which turned the \n inside its strings into line breaks.
  await writeFile(join(to, `${THREADED}.worker.js`), wasmWorkerContents.replaceAll('\n', '\\n'));
  // Last, and in one step: an interrupted copy is repeated.
  await writeFile(`${stamp}.new`, version);
  await rename(`${stamp}.new`, stamp);
}
