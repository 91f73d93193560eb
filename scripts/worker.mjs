/** `npm run worker`: takes intervals from the queue of a PostgreSQL server (DATABASE_URL), beside any number of others. */
import { register } from 'tsx/esm/api';

register();
await import('../lib/server/worker/main.ts');
