/** Entry of a compute process. Its parent may run compiled code, so the TypeScript loader is set up here. */
import { register } from 'tsx/esm/api';

register();
await import('./node-process-entry.ts');
