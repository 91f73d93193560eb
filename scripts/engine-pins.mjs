/**
 * What `npm run engine:tensorflow` may unpack and compile, by checksum. One wheel serves every Python on its platform,
 * because only its library is used. To pin another file, run the script with --allow-unverified on that platform, compare
 * the checksum that it prints with the one that the package index publishes, and add it here.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';

export const TENSORFLOW = '2.21.0';

/** Of the pinned wheels: any Python can fetch them. */
export const WHEEL_PYTHON = '3.11';

/** By file name: sha256 of wheels as Python's indexes publish it, and npm's `integrity` of packages. */
export const PINS = {
  'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl':
    'sha256:2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  'tensorflow-tfjs-node-4.22.0.tgz':
    'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
};

/** The platforms whose wheel is pinned; CUDA's libraries are not. */
export function isPinned({ platform, arch, cuda, prebuilt }) {
  return platform === 'linux' && arch === 'x64' && !cuda && !prebuilt;
}

/** A failed step: what was tried, and what the user can do. */
export class SetupError extends Error {}

/**
 * Resolves to null where the file is the pinned one, and to its checksum where no file of that name is pinned and
 * `allowUnverified` is set. A pinned name with other bytes is always refused.
 */
export async function verifyFile(path, allowUnverified) {
  const name = basename(path);
  const pin = PINS[name];
  const found = pin?.startsWith('sha512-')
    ? `sha512-${await digest(path, 'sha512', 'base64')}`
    : `sha256:${await digest(path, 'sha256', 'hex')}`;
  if (found === pin) return null;
  if (pin !== undefined) {
    throw new SetupError(
      `${name} is not the file that was pinned: found ${found}, expected ${pin}.\n  Nothing of it was unpacked. It was damaged on the way or is another file: try again, or ask whoever runs the package index.`,
    );
  }
  if (allowUnverified) return found;
  throw new SetupError(
    `${name} is not pinned, so its checksum (${found}) says nothing.\n  Pinned: ${Object.keys(PINS).join(', ')}. --allow-unverified takes it all the same.`,
  );
}

async function digest(path, algorithm, encoding) {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest(encoding);
}
