/**
 * Teacher states that compute processes of several machines share: a cache on this machine's disk, and behind it what the
 * job runner gets from the others and passes on to them (lib/server/jobs/shared-states.ts, at `url`). Claims are over all
 * machines. Where the job runner cannot share just now, the disk alone serves, as it does without one.
 */
import type { StateCache } from '../../core/distil/state-cache.ts';
import type { StateDType } from '../../core/run/teacher-windows.ts';
import { decoded, encoded } from './disk-state-cache.ts';

export interface SharedPlace {
  readonly url: string;
  readonly origin: string;
  readonly dtype: StateDType;
}

type What = 'states' | 'claim';
const [DONE, HELD] = [204, 409];

export function shareStateCache(disk: StateCache, { url, origin, dtype }: SharedPlace): StateCache {
  /** Said to be there, and not to be had: computed here instead of asked for again and again. */
  const lost = new Set<string>();
  const ask = async (method: string, what: What, name: string, body?: Uint8Array<ArrayBuffer>) => {
    const address = new URL(what, url);
    address.search = new URLSearchParams({ origin, name }).toString();
    // The job runner says why there is no sharing; without it this process ends as well.
    return await fetch(address, { method, body }).catch(() => null);
  };
  return {
    sizeBytes: disk.sizeBytes,
    get freeBytes() {
      return disk.freeBytes;
    },
    async has(name) {
      if (await disk.has(name)) return true;
      return !lost.has(name) && ((await ask('HEAD', 'states', name))?.ok ?? false);
    },
    async load(name) {
      const own = await disk.load(name);
      if (own || lost.has(name)) return own;
      const answer = await ask('GET', 'states', name);
      const bytes = answer?.ok ? await answer.arrayBuffer().catch(() => null) : null;
      if (!bytes) {
        if (answer?.status !== 404) lost.add(name);
        return null;
      }
      const values = decoded(new Uint8Array(bytes), dtype);
      // For the next time; where the disk is full it is asked for again.
      await disk.store(name, values);
      return values;
    },
    async store(name, values) {
      const kept = await disk.store(name, values);
      if (kept) await ask('PUT', 'states', name, new Uint8Array(encoded(values, dtype)));
      return kept;
    },
    async claim(name) {
      const answer = await ask('POST', 'claim', name);
      if (answer?.status === HELD) return null;
      if (answer?.status !== DONE) return await disk.claim(name);
      return {
        // It ends with the lease of the job, which the job runner keeps.
        renew: async () => {},
        release: async () => void (await ask('DELETE', 'claim', name)),
      };
    },
  };
}
