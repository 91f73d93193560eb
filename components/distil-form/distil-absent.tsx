'use client';
/**
 * The model on the page is on none of the server's disks: what is looked for and where, and what to do. Looks again by
 * itself and by a button; once the model is there, the dialog goes on.
 */
import { useEffect } from 'react';
import { Button } from '@/components/ui/button';
import type { Plan } from '@/lib/core/plan/plan.ts';
import type { ModelPlaces } from '@/lib/page/api/run-api.ts';
import { showError } from '@/lib/page/browser/notices.ts';
import { copyText } from '@/lib/page/browser/save-file.ts';

const LOOK_EVERY_MS = 10_000;

interface AbsentProps {
  plan: Plan;
  places: ModelPlaces;
  onAgain: () => void;
}

export function DistilAbsent({ plan, places, onAgain }: AbsentProps) {
  const { name, fingerprint } = plan.model;
  useEffect(() => {
    const timer = setInterval(onAgain, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [onAgain]);
  return (
    <div className="space-y-3 rounded-md border border-line bg-panel-2 p-3 text-xs">
      <div role="alert">
        <p className="text-sm font-medium">The server does not have this model</p>
        <p className="mt-1">
          Distilling reads the model from the server's disk. The files of {name} on this page are read by your browser
          alone and are not uploaded. The server knows a model by this fingerprint, whatever its folder is called:
        </p>
      </div>
      <div className="flex items-start gap-2">
        <code className="min-w-0 flex-1 rounded bg-panel px-2 py-1 break-all">{fingerprint}</code>
        <Button small onClick={() => void copyText(fingerprint).catch((thrown) => showError('copy', thrown))}>
          Copy
        </Button>
      </div>
      <p>It looks in these folders, {places.depth} levels deep:</p>
      <ul aria-label="Model roots" className="divide-y divide-line rounded border border-line bg-panel">
        {places.roots.map((root) => (
          <li key={root.name} className="flex items-baseline gap-3 px-2 py-1">
            <code className="min-w-0 flex-1 break-all">{root.folder}</code>
            <span className="shrink-0 text-muted">{modelsWords(root.models)}</span>
          </li>
        ))}
      </ul>
      {places.leftOut.length > 0 ? (
        <details>
          <summary className="w-fit rounded">Left out ({places.leftOut.length})</summary>
          <ul className="mt-1 list-disc space-y-1 pl-4 wrap-anywhere text-muted">
            {places.leftOut.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </details>
      ) : null}
      <p>
        Copy the model's folder into one of them; or name the folder that holds it in <code>CONTIGUA_MODELS</code> and
        start the server again; or, where the model is, distil in the terminal with the plan that Download plan gives:
      </p>
      <code className="block rounded bg-panel px-2 py-1">contigua distil MODEL --plan plan.json</code>
      <div className="flex items-center gap-3">
        <Button small onClick={onAgain}>
          Look again
        </Button>
        <p className="text-muted">The server is asked every {LOOK_EVERY_MS / 1_000} s as well.</p>
      </div>
    </div>
  );
}

function modelsWords(models: number | null): string {
  if (models === null) return 'no such folder';
  return models === 1 ? '1 model' : `${models} models`;
}
