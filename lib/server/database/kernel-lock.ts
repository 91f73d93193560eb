/**
 * A lock on a file that the kernel holds for as long as the file is open in the process that took it (Linux and macOS: an
 * open file description lock, Windows: LockFileEx). It ends with the process, however that ends, and holds between
 * containers that share a volume, whose process ids and host names say nothing to each other. Node.js has no call for it;
 * the package fs-native-extensions brings one, built for the usual platforms.
 */
import { closeSync, open } from 'node:fs';
import { readFile, realpath, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { ContiguaError } from '../../core/errors.ts';

export interface KernelLock {
  release(): void;
}

/** Another open file has the lock. macOS and old network file systems say EACCES. */
const HELD: ReadonlySet<unknown> = new Set(['EAGAIN', 'EWOULDBLOCK', 'EACCES', 'EBUSY']);

/** Null where another process, or another call of this one, holds it. Rejects where this file system cannot lock. */
export async function tryKernelLock(path: string): Promise<KernelLock | null> {
  const reason = await whyLocksStayHere(path);
  if (reason !== null) throw cannotLock(path, reason);
  const { tryLock } = await import('fs-native-extensions').catch((thrown: unknown) => {
    throw cannotLock(path, `no lock for this platform (${process.platform}-${process.arch}): ${messageOf(thrown)}`);
  });
  // A number, not a FileHandle: nothing closes it behind our back. Child processes do not inherit it.
  const fd = await promisify(open)(path, 'a+', 0o600);
  try {
    if (tryLock(fd)) return { release: () => closeSync(fd) };
    closeSync(fd);
    return null;
  } catch (thrown) {
    closeSync(fd);
    if (thrown instanceof Error && 'code' in thrown && HELD.has(thrown.code)) return null;
    throw cannotLock(path, messageOf(thrown));
  }
}

/** Of statfs(2): file systems of other machines. Whether their locks reach every machine is for the server to say. */
const REMOTE: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2
  0x65735546, // FUSE, virtiofs
  0x01021997, // 9P
  0x00c36400, // Ceph
  0x0bd00bd0, // Lustre
  0x5346414f, // AFS
]);

/** True where every process that reaches the file runs on this kernel, so that its lock decides alone. */
export async function isLocalFileSystem(path: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  return !REMOTE.has((await statfs(path)).type >>> 0);
}

/** What a mount was told that keeps locks from the server, or null. */
async function whyLocksStayHere(path: string): Promise<string | null> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => null);
  if (mounts === null) return null;
  const real = await realpath(path).catch(() => path);
  return localLockOption(mounts, real);
}

const LOCAL_LOCKS = /(?:^|,)(nolock|local_lock=(?:all|posix)|nobrl)(?:,|$)/;

/** `mounts` is the text of /proc/self/mountinfo (proc(5)), `path` absolute and without links. */
export function localLockOption(mounts: string, path: string): string | null {
  let point = '';
  let found: string | null = null;
  for (const line of mounts.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const mounted = unescaped(before.split(' ')[4] ?? '');
    const inside = mounted === '/' || path === mounted || path.startsWith(`${mounted}/`);
    // A later mount of the same folder hides the earlier one.
    if (!mounted || !inside || mounted.length < point.length) continue;
    point = mounted;
    const [kind = '', , options = ''] = after.split(' ');
    const option = /^(nfs|cifs|smb)/.test(kind) ? LOCAL_LOCKS.exec(options)?.[1] : undefined;
    found = option === undefined ? null : `${kind} mounted at ${mounted} with ${option}`;
  }
  return found;
}

/** Blanks and backslashes are written as three octal digits there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function cannotLock(path: string, found: string): ContiguaError {
  return new ContiguaError('database-unreachable', 'The data folder cannot be locked here', {
    file: path,
    found,
    expected: 'a file system whose locks every process sees',
    hint: 'Without a lock two processes could write into one database. Set CONTIGUA_DATA to a local disk, or use PostgreSQL (DATABASE_URL).',
  });
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
