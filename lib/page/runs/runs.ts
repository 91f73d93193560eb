/** What the server has: its runs and its own state, asked for again while a page shows them. */
import { pollOf } from '../api/polled.ts';

export const runList = pollOf((api) => api.list(), 3_000);
export const serverStatus = pollOf((api) => api.status(), 5_000);
