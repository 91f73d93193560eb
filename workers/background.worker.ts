/** Entry of the page's background worker, which keeps and reads reports and solves plans. */
import { serveBackground } from '../lib/page/explorer/background/serve.ts';
import { createBackgroundTasks } from '../lib/page/explorer/background/tasks.ts';

serveBackground(createBackgroundTasks(), {
  postMessage: (reply) => self.postMessage(reply),
  onMessage: (listener) => self.addEventListener('message', ({ data }) => listener(data)),
});
