/**
 * Joins this tab to the stream that all tabs of the browser share. A shared worker rather than a tab that leads: it
 * needs no hand-over, is not slowed down when hidden, and works on plain HTTP in a local network, where Web Locks do
 * not. Browsers without shared workers (some on phones) get a stream per tab, held only while the tab is in view.
 */
import { trpcStream } from './api-trpc.ts';
import { type ConnectHub, createSharedStream, type SharedStream } from './shared-stream.ts';
import { createHub } from './stream-hub.ts';

export function browserStream(apiUrl: string): SharedStream {
  let shared = typeof SharedWorker !== 'undefined';

  const connectShared: ConnectHub = (onMessage, attempt) => {
    // Another name is another worker: one that hangs is left behind.
    const name = attempt === 0 ? 'contigua-runs' : `contigua-runs-${attempt}`;
    let worker: SharedWorker;
    try {
      worker = new SharedWorker(new URL('../../../workers/run-stream.worker.ts', import.meta.url), {
        type: 'module',
        name,
      });
    } catch {
      // Firefox refuses one where the user has blocked cookies and storage: this tab goes on by itself.
      shared = false;
      watchVisibility();
      return connectOwn(onMessage, attempt);
    }
    let own: ReturnType<ConnectHub> | null = null;
    let said: Parameters<ReturnType<ConnectHub>['post']>[0] | null = null;
    worker.port.onmessage = ({ data }) => onMessage(data);
    // Its script cannot be loaded, as after an upgrade of the server: this tab goes on by itself.
    worker.addEventListener('error', () => {
      shared = false;
      own ??= connectOwn(onMessage, attempt);
      if (said) own.post(said);
      watchVisibility();
    });
    return {
      post(message) {
        said = message;
        if (own) own.post(message);
        else worker.port.postMessage(message);
      },
      close() {
        worker.port.close();
        own?.close();
      },
    };
  };
  const connectOwn: ConnectHub = (onMessage) => {
    const hub = createHub(trpcStream(apiUrl));
    const receive = hub.join(onMessage);
    return { post: receive, close: () => hub.close() };
  };

  const stream = createSharedStream((onMessage, attempt) => (shared ? connectShared : connectOwn)(onMessage, attempt));
  const watchVisibility = () => {
    const follow = () => (document.hidden ? stream.pause() : stream.resume());
    document.addEventListener('visibilitychange', follow);
    follow();
  };
  if (!shared) watchVisibility();
  // A page that leaves says so; one that comes back out of the browser's cache goes on.
  window.addEventListener('pagehide', () => stream.pause());
  window.addEventListener('pageshow', () => {
    if (shared || !document.hidden) stream.resume();
  });
  return stream;
}
