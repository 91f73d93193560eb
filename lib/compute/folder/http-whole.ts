/** A short answer of a server, fetched whole with the same patience as a file: for the calls of an API. */
import { ContiguaError } from '../../core/errors.ts';
import { exchange, type HttpHost, unreachable } from './http-exchange.ts';
import { isForLater, retryAfterOf, Transient, withRetries } from './retry.ts';

/** Answers that no other attempt changes come as they are, whatever their status. `file` names the call in errors. */
export async function fetchWhole(
  host: HttpHost,
  file: string,
  url: string,
  init: RequestInit,
  maxBytes: number,
): Promise<Response> {
  const signal = host.signal();
  return await withRetries(host.retry, signal, async () => {
    const answer = await exchange(host, file, url, init, signal);
    const { status, statusText, headers } = answer.response;
    if (isForLater(status)) {
      answer.giveUp();
      const words = `${status} ${statusText}`.trim();
      throw new Transient(unreachable(file, `the server answered ${words}`, words), retryAfterOf(headers));
    }
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const chunk of answer.chunks()) {
      size += chunk.length;
      if (size > maxBytes) {
        throw new ContiguaError('source-unreachable', 'The answer of the server is too long', {
          file,
          expected: `at most ${maxBytes.toLocaleString('en-US')} bytes`,
        });
      }
      chunks.push(new Uint8Array(chunk));
    }
    const hasBody = ![204, 205, 304].includes(status);
    return new Response(hasBody ? new Blob(chunks) : null, { status, statusText, headers });
  });
}
