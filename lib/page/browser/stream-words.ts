/** Streams as the model declares them, in words. Pure. */
import type { StreamSpec } from '@/lib/core/model/config-index.ts';
import type { PerStream } from '@/lib/core/report/report.ts';

const list = new Intl.ListFormat('en-GB');

/** "1,024 image and 256 text tokens" */
export function tokensWords(tokens: PerStream<number>, streams: readonly StreamSpec[]): string {
  const counts = streams.map(({ id, label }) => `${(tokens[id] ?? 0).toLocaleString('en-US')} ${label}`);
  return `${list.format(counts)} tokens`;
}

/** "image and text" */
export const streamList = (streams: readonly StreamSpec[]): string => list.format(streams.map(({ label }) => label));

/** "Image" */
export const streamTitle = ({ label }: StreamSpec): string => label.charAt(0).toUpperCase() + label.slice(1);
