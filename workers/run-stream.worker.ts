/** Entry of the shared worker that holds the one stream of run events for all tabs (see stream-hub.ts). */
import { trpcStream } from '../lib/page/api/api-trpc.ts';
import { createHub } from '../lib/page/api/stream-hub.ts';

const hub = createHub(trpcStream(new URL('/api/trpc', self.location.href).href));

self.addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (!port) return;
  const receive = hub.join((message) => port.postMessage(message));
  port.onmessage = ({ data }) => receive(data);
});
