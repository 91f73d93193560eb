/** `npm run worker`: takes intervals from the queue of a PostgreSQL server (DATABASE_URL), beside any number of others. */
import { importCompiled } from './compiled.mjs';

await importCompiled('worker');
