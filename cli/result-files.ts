/**
 * Creates the files and folders that a user asked for with `--out`, with the permissions that the user's umask gives. A
 * command that opens the data folder creates everything else for its user alone.
 */
import { chmod, type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { usersModes } from '../lib/server/database/private-folder.ts';

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
