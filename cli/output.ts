/** Writes results so that a file under its final name is always whole: to a temporary name, to disk, then renamed. */
import { open, rename, rm } from 'node:fs/promises';
import { ContiguaError } from '../lib/core/errors.ts';

export async function writeFileWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first failure is the one to tell
    throw new ContiguaError('inputs-invalid', 'The file cannot be written', {
      file: path,
      found: thrown instanceof Error ? thrown.message : String(thrown),
    });
  }
}

/** To the file if one is named, else to stdout. */
export async function writeText(path: string | undefined, text: string): Promise<void> {
  if (path !== undefined) {
    await writeFileWhole(path, text);
    console.error(`wrote ${path}`);
    return;
  }
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
