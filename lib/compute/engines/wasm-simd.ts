/** Whether this JavaScript engine compiles WebAssembly SIMD, asked with the smallest function that needs it. */
export function hasSimd(): boolean {
  if (typeof WebAssembly !== 'object') return false;
  return WebAssembly.validate(
    Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
      ...[1, 5, 1, 0x60, 0, 1, 0x7b], // type 0: no parameters, returns a v128
      ...[3, 2, 1, 0], // one function, of type 0
      ...[10, 8, 1, 6, 0, 0x41, 0, 0xfd, 0x0f, 0x0b], // i32.const 0; i8x16.splat; end
    ]),
  );
}
