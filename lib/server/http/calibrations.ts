/**
 * Calibration files from the page: streamed to the data folder, checked as a calibration of the very model they are for,
 * and only then given a name, which holds the checksum: the same file twice is one file, and no run's data ever changes.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeFiles } from '../../compute/folder/node-files.ts';
import { saveFile } from '../../compute/folder/node-save-file.ts';
import { checkCalibration } from '../../core/capture/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { elided } from '../../core/printable.ts';
import { type ServerModels, shelfOf, UPLOADS } from '../models.ts';
import { pathId } from '../runs/run-request.ts';
import { send } from './answers.ts';

export interface UploadLimits {
  readonly fileBytes: number;
  /** Of all uploads together. */
  readonly totalBytes: number;
}

const LIMITS: UploadLimits = { fileBytes: 512 * 2 ** 20, totalBytes: 8 * 2 ** 30 };
/** Files that are on their way or being checked; dot folders are no shelf. */
const INCOMING = '.incoming';
const SUFFIX = '.safetensors';
const STEM_LENGTH = 60;

export class Calibrations {
  private cleared: Promise<void> | null = null;
  private lastCheck: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly models: ServerModels,
    private readonly folder: string,
    private readonly limits: UploadLimits = LIMITS,
  ) {}

  /** `POST /files/calibrations?model=<id>&name=<file name>`, the file as the body; answers `{"id": …}`. */
  async receive(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const model = pathId.safeParse(query.get('model'));
    const name = query.get('name') ?? '';
    if (!model.success || !name.endsWith(SUFFIX)) {
      throw new ContiguaError('calibration-invalid', 'This cannot be a calibration file', {
        file: elided(name, 100),
        expected: 'a model’s id and the name of a .safetensors file',
      });
    }
    const id = await this.keep(request, model.data, name);
    send(response, 201, 'application/json', JSON.stringify({ id }));
  }

  private async keep(request: IncomingMessage, modelId: string, name: string): Promise<string> {
    const { fingerprint } = await this.models.read(modelId);
    const config = await this.models.config(modelId);
    const incoming = join(this.folder, INCOMING);
    // What a killed host left: nobody else writes here.
    this.cleared ??= rm(incoming, { recursive: true, force: true });
    await this.cleared;
    const used = await bytesIn(this.folder);
    this.assertFits(used, Number(request.headers['content-length'] ?? 0), name);
    const path = join(incoming, `${randomUUID()}${SUFFIX}`);
    try {
      const { url, sha256 } = await saveFile(pathToFileURL(path).href, this.counted(request, used, name));
      // One at a time: a check takes the processor for seconds.
      const check = this.lastCheck.then(async () => checkCalibration(await nodeFiles.openFile(url, name), config));
      this.lastCheck = check.catch(() => undefined);
      await check;
      const shelf = shelfOf(fingerprint);
      const kept = keptName(name, sha256);
      await mkdir(join(this.folder, shelf), { recursive: true });
      await rename(path, join(this.folder, shelf, kept));
      return `${UPLOADS}/${shelf}/${kept}`;
    } finally {
      await rm(path, { force: true });
    }
  }

  private async *counted(request: IncomingMessage, used: number, name: string): AsyncGenerator<Uint8Array> {
    let size = 0;
    // Left open where the file is refused: a destroyed request takes its connection along, and the answer with it.
    for await (const part of request.iterator({ destroyOnReturn: false })) {
      if (!(part instanceof Uint8Array)) continue;
      size += part.byteLength;
      this.assertFits(used, size, name);
      yield part;
    }
  }

  private assertFits(used: number, size: number, file: string): void {
    const { fileBytes, totalBytes } = this.limits;
    if (size > fileBytes) {
      throw new ContiguaError('too-large', 'The file is too large to upload', {
        file,
        expected: `at most ${fileBytes} bytes`,
        hint: 'Put it into a folder `calibration` beside the model instead.',
      });
    }
    if (used + size > totalBytes) {
      throw new ContiguaError('disk-full', 'There is no room left for uploads', {
        file,
        found: `${used} bytes of uploads`,
        expected: `at most ${totalBytes}`,
        hint: 'Delete uploads that no run needs from the data folder.',
      });
    }
  }
}

function keptName(name: string, sha256: string): string {
  const stem = name.slice(0, -SUFFIX.length).replace(/[^A-Za-z0-9_-]+/g, '-');
  return `${stem.replace(/^-+/, '').slice(0, STEM_LENGTH) || 'calibration'}-${sha256.slice(0, 8)}${SUFFIX}`;
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw thrown;
  });
  let bytes = 0;
  for (const entry of entries) {
    if (entry.isFile() && !entry.parentPath.endsWith(INCOMING))
      bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
