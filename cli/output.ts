/**
 * Reads inputs, and writes results so that a file under its final name is always whole: to a temporary name, to disk, then
 * renamed. What goes to the terminal is made printable: names come from files and from other users' requests.
 */
import { access, chmod, constants, type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ContiguaError } from '../lib/core/errors.ts';
import { printable, printableDocument } from '../lib/core/printable.ts';
import { usersModes } from '../lib/server/database/private-folder.ts';

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

/** An empty file for writing. */
export async function openResult(path: string): Promise<FileHandle> {
  const file = await open(path, 'w');
  const modes = usersModes();
  if (modes) await file.chmod(modes.file);
  return file;
}

/** With the folders above it that are missing. */
export async function makeResultFolder(path: string): Promise<void> {
  const wanted = resolve(path);
  const first = await mkdir(wanted, { recursive: true });
  const modes = usersModes();
  if (first === undefined || !modes) return;
  for (let made = wanted; made.length >= first.length; made = dirname(made)) await chmod(made, modes.folder);
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

export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    throw new ContiguaError('inputs-invalid', 'The file cannot be read', { file: path, found: reasonOf(thrown) });
  }
}
