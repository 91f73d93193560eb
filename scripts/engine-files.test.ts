import { readFile } from 'node:fs/promises';
import { Script } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { copyEngineFiles } from './engine-files.mjs';

const read = (name: string) => readFile(new URL(`../public/engines/${name}`, import.meta.url));
const THREADED = 'tfjs-backend-wasm-threaded-simd';

describe('the engine files that the page serves itself', () => {
  beforeAll(copyEngineFiles);

  it.each(['tfjs-backend-wasm', 'tfjs-backend-wasm-simd', THREADED])('hold the binary %s', async (name) => {
    expect(WebAssembly.validate(await read(`${name}.wasm`))).toBe(true);
  });

  it('hold scripts of threads that parse: a line break inside a string would stop every thread', async () => {
    for (const name of [`${THREADED}.js`, `${THREADED}.worker.js`]) {
      const source = String(await read(name));
      expect(() => new Script(source)).not.toThrow();
    }
  });

  it('hold the threaded factory as a module too, otherwise unchanged', async () => {
    const script = String(await read(`${THREADED}.js`));
    const module = String(await read(`${THREADED}.mjs`));
    expect(module.startsWith(script)).toBe(true);
    expect(module.slice(script.length).trim()).toBe('export default WasmBackendModuleThreadedSimd;');
  });
});
