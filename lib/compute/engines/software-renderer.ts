/** Names of renderers that run on the processor: they compute correctly and far slower than WASM. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|lavapipe|basic render|software/i;

export function isSoftwareRenderer(name: string): boolean {
  return SOFTWARE.test(name);
}
