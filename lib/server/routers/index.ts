/** Everything that the page can ask of the server. The page imports the type alone. */

import { runs } from './runs.ts';
import { procedure, router } from './trpc.ts';

export const appRouter = router({
  server: router({ status: procedure.query(({ ctx }) => ctx.backend.status()) }),
  models: router({
    list: procedure.query(({ ctx }) => ctx.backend.models()),
    places: procedure.query(({ ctx }) => ctx.backend.modelPlaces()),
  }),
  runs,
});

/** Paths of procedures whose answers stay open. */
export const SUBSCRIPTIONS: ReadonlySet<string> = new Set(['runs.follow', 'runs.followSeveral']);

export type AppRouter = typeof appRouter;
export type { Context, ErrorInJson } from './trpc.ts';
