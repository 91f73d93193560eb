/** The one screen. Everything on it runs in the browser; the server only sends the shell. */
import { Dashboard } from '@/components/explorer/dashboard';

export default function Page() {
  return <Dashboard />;
}
