/** The routes below `/files/`: who knows a file sends it, and what is not known is missing. */
import { ContiguaError } from '../../core/errors.ts';
import { elided } from '../../core/printable.ts';
import type { Backend } from '../backend.ts';
import { isSafe } from './access.ts';
import type { FileRoutes } from './api-server.ts';
import type { Calibrations } from './calibrations.ts';
import { Downloads } from './downloads.ts';
import { serveBlob } from './serve-blob.ts';

const RUNS = '/files/runs/';

export interface FileOptions {
  readonly backend: Backend;
  /** Null where nothing can be uploaded. */
  readonly calibrations: Calibrations | null;
}

export function fileRoutes({ backend, calibrations }: FileOptions): FileRoutes {
  const downloads = new Downloads(backend);
  return async (request, response, url) => {
    if (calibrations && url.pathname === '/files/calibrations' && request.method === 'POST') {
      return await calibrations.receive(request, response, url.searchParams);
    }
    const isRead = isSafe(request.method ?? 'GET');
    const path = url.pathname.startsWith(RUNS) && isRead ? url.pathname.slice(RUNS.length) : null;
    const download = path === null ? null : await downloads.find(path, url.searchParams);
    if (download) return await serveBlob(request, response, download);
    throw new ContiguaError('artifact-missing', 'There is no such file', { file: elided(url.pathname, 200) });
  };
}
