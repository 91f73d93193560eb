/** The web process's door to the job host: procedures (`/api/trpc`), files (`/api/files`) and the login, passed through. */
import { forward, hostAddress } from '@/lib/server/http/forward.ts';

export const dynamic = 'force-dynamic';

const pass = (request: Request): Promise<Response> => forward(request, hostAddress(process.env));

export { pass as GET, pass as HEAD, pass as POST };
