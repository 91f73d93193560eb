export { fingerprintOf } from './fingerprint.ts';
export { readSafetensorsHeader, type SafetensorsHeader } from './header.ts';
export { openCheckpoint, openFile } from './open.ts';
export type { BlobLike, Checkpoint, NamedBlob, TensorInfo } from './types.ts';
export { safetensorsLayout, type TensorLayout, type TensorToWrite, tensorBytes, writeSafetensors } from './write.ts';
