/** Entry of the terminal's compute thread. Threads do not inherit the parent's TypeScript loader, so it is set up here. */
import { register } from 'tsx/esm/api';

register();
await import('./node-worker.ts');
