export { fileDigits } from './file-digits.ts';
export { fingerprintOf } from './fingerprint.ts';
export { readSafetensorsHeader, type SafetensorsHeader } from './header.ts';
export { openCheckpoint, openFile } from './open.ts';
export { allocated, readRange } from './read-range.ts';
export { readJson, readText } from './read-text.ts';
export type { BlobLike, Checkpoint, NamedBlob, TensorInfo } from './types.ts';
export { safetensorsLayout, type TensorLayout, type TensorToWrite, tensorBytes, writeSafetensors } from './write.ts';
