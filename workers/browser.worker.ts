/** Entry of the page's compute worker: joins the port to the dispatcher with the browser's engines and HTTP files. */
import { browserEngines } from '../lib/compute/engines/browser-engines.ts';
import { wasmMemory } from '../lib/compute/engines/wasm-memory.ts';
import { browserFiles } from '../lib/compute/folder/browser-files.ts';
import { postInPieces } from '../lib/compute/pieces.ts';
import { serve } from '../lib/compute/serve.ts';
import { createTasks } from '../lib/compute/tasks.ts';

// Put in by next.config.mjs; empty while the sources are being edited.
const engines = browserEngines(process.env.CONTIGUA_ENGINE_BUILD);
const files = browserFiles();
const tasks = createTasks({ engines, files, memory: (engine) => (engine === 'wasm' ? wasmMemory() : null) });
const server = serve(
  {
    postMessage(reply, transfer) {
      if (transfer.length > 0) self.postMessage(reply, { transfer });
      else postInPieces(reply, (message) => self.postMessage(message));
    },
    onMessage: (listener) => self.addEventListener('message', ({ data }) => listener(data)),
  },
  tasks,
  { onCall: (signal) => files.readUntil?.(signal) },
);
engines.onLost((reason) => server.engineLost(reason));

// The rejection of a forgotten promise would only reach the console, and a call might wait for ever: thrown, it ends
// the worker's line as a crash. Promises that a lost device leaves behind are expected and answered already.
self.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  if (!engines.isLost()) throw event.reason;
});
