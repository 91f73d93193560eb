/** How much of the browser's storage the states of one analysis may take. */

/** Of what the browser allows this site. */
const QUOTA_SHARE = 0.9;

/** Files of the origin's private file system are left out where the browser counts them apart (Chromium). */
interface DetailedEstimate extends StorageEstimate {
  readonly usageDetails?: { readonly fileSystem?: number };
}

/** Bytes. States of other analyses make room, and those of the same one are read again: neither counts as used. */
export async function roomForStates(): Promise<number> {
  const { quota, usage = 0, usageDetails }: DetailedEstimate = await navigator.storage.estimate();
  if (quota === undefined) return Number.POSITIVE_INFINITY;
  const states = usageDetails?.fileSystem ?? 0;
  return (quota - Math.max(0, usage - states)) * QUOTA_SHARE;
}
