/** Writes the tiny models and the calibration file where the other generators find them: `node …/models.mjs FOLDER`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { calibrationFile, shapesTiny, sixtyBlocks, textUnread } = await import('../models.ts');

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('Name the folder to write to');
const models = { 'shapes-tiny': shapesTiny(), 'text-unread': textUnread(), 'sixty-blocks': sixtyBlocks() };
for (const [name, files] of Object.entries(models)) {
  for (const [path, bytes] of Object.entries(files)) {
    const target = join(folder, name, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
}
await writeFile(join(folder, 'calibration.safetensors'), calibrationFile());
