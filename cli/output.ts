/**
 * Writes results so that a file under its final name is always whole: to a temporary name, to disk, then
 * renamed. What goes to the terminal is made printable: names come from files and from other users' requests.
 */
import { access, constants, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ContiguaError } from '../lib/core/errors.ts';
import { printable, printableDocument } from '../lib/core/printable.ts';
import { openResult } from './result-files.ts';

/** Throws where a result could not be written, before it is computed. An existing file is left as it is. */
export async function assertWritable(path: string): Promise<void> {
  const isFolder = await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
  if (isFolder) throw unwritable(path, 'a folder');
  await access(dirname(resolve(path)), constants.W_OK).catch((thrown) => {
    throw unwritable(path, reasonOf(thrown));
  });
}

export async function writeFileWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const file = await openResult(temporary);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first failure is the one to tell
    throw unwritable(path, reasonOf(thrown));
  }
}

function unwritable(file: string, found: string): ContiguaError {
  const hint = 'Name a file in a folder that exists and that you may write to.';
  return new ContiguaError('inputs-invalid', 'The file cannot be written', { file, found, hint });
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** To the file if one is named, else to stdout. */
export async function writeText(path: string | undefined, text: string): Promise<void> {
  if (path !== undefined) {
    await writeFileWhole(path, text);
    tell(`wrote ${path}`);
    return;
  }
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(printableDocument(text), (error) => (error ? reject(error) : resolve()));
  });
}

/** One line to stderr, where people read. */
export function tell(line: string): void {
  console.error(printable(line));
}
