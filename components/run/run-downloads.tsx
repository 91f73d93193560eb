'use client';
/** What a run gives to take away: plain links, so that the browser itself streams and resumes large ones. */
import { DownloadIcon } from '@/components/ui/icons';
import { Popover } from '@/components/ui/popover';
import { EXPORTERS } from '@/lib/core/export/index.ts';
import { bytesWords } from '@/lib/page/browser/number-words.ts';
import { pluggedWords, presentSubset, readerWords, subsetWords } from '@/lib/page/run/plugged.ts';
import { fileAddress, modelAddress } from '@/lib/page/run/run-files.ts';
import { jobTitle } from '@/lib/page/run/run-progress.ts';
import { useRun } from './run-context';
import { usePlugged } from './use-plugged';

export function RunDownloads() {
  const view = useRun((run) => run.view);
  const choice = usePlugged();
  if (!view) return null;
  const trained = view.jobs.filter(({ state }) => state === 'done');
  const subset = presentSubset(view, choice);
  const reader = readerWords(view, subset);
  return (
    <Popover
      name="Download"
      title="Download"
      panelClass="w-[400px]"
      disabled={trained.length === 0}
      buttonClass="inline-flex h-8 items-center gap-1.5 rounded-md border border-line bg-panel px-3 hover:bg-panel-2 disabled:pointer-events-none disabled:opacity-45"
      label={
        <>
          <DownloadIcon />
          Download
        </>
      }
    >
      <h2 className="text-sm font-semibold">Student model</h2>
      <p className="mt-1 text-xs text-muted">
        The model as it is plugged now ({subsetWords(subset)}
        {subset.fineTuned ? '' : `: ${pluggedWords(view, subset)}`}), with its model card.
      </p>
      {reader ? <p className="mt-1 text-xs text-muted">{reader}</p> : null}
      {EXPORTERS.map(({ name, label }) => (
        <FileLink
          key={name}
          href={modelAddress(view.id, subset, name)}
          name="Student model"
          detail={`${label}, model.zip`}
        />
      ))}
      <h2 className="mt-4 text-sm font-semibold">About the run</h2>
      <FileLink href={fileAddress(view.id, 'plan.json')} name="Plan" detail="plan.json" />
      <FileLink href={fileAddress(view.id, 'metrics.json')} name="Curves and errors" detail="metrics.json" />
      <h2 className="mt-4 text-sm font-semibold">Single files</h2>
      {trained.map((job) => (
        <FileLink
          key={job.key}
          href={fileAddress(view.id, `students/${job.key}.safetensors`)}
          name={jobTitle(job)}
          detail={job.studentBytes === null ? 'safetensors' : `safetensors, ${bytesWords(job.studentBytes)}`}
        />
      ))}
    </Popover>
  );
}

function FileLink({ href, name, detail }: { href: string; name: string; detail: string }) {
  return (
    <a
      href={href}
      download
      className="-mx-2 mt-0.5 flex h-7 items-center justify-between gap-3 rounded-md px-2 text-xs hover:bg-panel-2"
    >
      <span className="truncate">{name}</span>
      <span className="flex shrink-0 items-center gap-1.5 text-muted">
        {detail}
        <DownloadIcon />
      </span>
    </a>
  );
}
