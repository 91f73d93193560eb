/** Flips one bit of a stored file as a failing disk or bucket does: size, times and ETag stay as they were. For tests alone. */
import { open, stat, utimes } from 'node:fs/promises';
import type { FakeS3 } from './testing.ts';

export async function flipBit(path: string, position: number): Promise<void> {
  const { size, atime, mtime } = await stat(path);
  const at = position < 0 ? size + position : position;
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
  await utimes(path, atime, mtime);
}

export function flipObjectBit(fake: FakeS3, name: string, position: number): void {
  const object = fake.objects.get(name);
  if (!object) throw new Error(`There is no object ${name}`);
  const bytes = Buffer.from(object.bytes);
  const at = position < 0 ? bytes.length + position : position;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fake.objects.set(name, { ...object, bytes });
}
