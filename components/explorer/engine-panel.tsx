'use client';
/** The engine pill of the header and what opens under it: what runs, why, what else could, and the reference check. */
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { ChevronIcon } from '@/components/ui/icons';
import { Popover } from '@/components/ui/popover';
import type { EngineCandidate } from '@/lib/core/tensor/engine.ts';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import { busyStore } from '@/lib/page/explorer/compute.ts';
import { type EngineCheck, type EngineState, engineStore, silenceWords } from '@/lib/page/explorer/engine.ts';
import { restartEngine, switchEngine } from '@/lib/page/explorer/start-and-switch.ts';

export function EnginePanel() {
  const { status, report, wanted, problem, check, silentMs } = useStore(engineStore);
  const analysing = useStore(busyStore, ({ tasks }) => tasks.includes('analyse'));
  // Another engine would wait for the analysis to end, and then throw its probes away.
  const fixed = analysing || status === 'starting';
  const words = statusWords({ status, report, silentMs });
  const answers = silentMs === null;
  const dot =
    answers && status === 'ready'
      ? 'bg-well'
      : answers && status === 'starting'
        ? 'border border-line-strong'
        : 'bg-danger';
  return (
    <Popover
      name={`Engine: ${words}`}
      title="Engine"
      panelClass="w-[400px]"
      buttonClass="inline-flex h-7 min-w-0 max-w-[320px] items-center gap-1 rounded-full border border-line bg-panel px-1.5 text-xs hover:bg-panel-2 sm:gap-2 sm:pl-3"
      label={
        <>
          <span aria-hidden className={`size-2 shrink-0 rounded-full ${dot}`} />
          <span className="truncate">
            <span className="max-sm:hidden">Engine: </span>
            {words}
          </span>
          <span className="shrink-0 max-sm:hidden">
            <ChevronIcon />
          </span>
        </>
      }
    >
      <h2 className="text-sm font-semibold">Engine</h2>
      <p className="mt-1 text-xs text-muted">
        {silentMs !== null
          ? `${silenceWords(silentMs)}.`
          : problem
            ? problem.message
            : (report?.why ?? 'Checking which engines this browser has.')}
      </p>
      {report ? (
        <ul className="mt-3 space-y-2">
          {report.candidates.map((candidate) => (
            <Candidate
              key={candidate.name}
              candidate={candidate}
              inUse={status === 'ready' && candidate.name === report.name}
              fixed={fixed}
            />
          ))}
        </ul>
      ) : null}
      <div className="mt-3 flex items-center justify-between gap-3 border-t border-line pt-3">
        <p className="text-xs text-muted">{checkWords(check)}</p>
        {silentMs !== null || status === 'lost' || status === 'failed' ? (
          <Button small onClick={() => void restartEngine()}>
            Restart engine
          </Button>
        ) : wanted !== 'auto' ? (
          <Button small disabled={fixed} onClick={() => void switchEngine('auto')}>
            Choose for me
          </Button>
        ) : null}
      </div>
    </Popover>
  );
}

function statusWords({ status, report, silentMs }: Pick<EngineState, 'status' | 'report' | 'silentMs'>): string {
  if (silentMs !== null) return 'no answer';
  if (status === 'starting') return 'starting';
  if (status === 'lost') return 'lost';
  return status === 'ready' && report ? `${engineWords(report.name)} · ${report.device}` : 'not running';
}

interface CandidateProps {
  candidate: EngineCandidate;
  inUse: boolean;
  /** No engine can be taken now. */
  fixed: boolean;
}

function Candidate({ candidate, inUse, fixed }: CandidateProps) {
  return (
    <li className="flex items-start gap-3">
      <div className="min-w-0 flex-1">
        <p className={candidate.available ? 'font-medium' : 'text-muted'}>
          {engineWords(candidate.name)}
          {candidate.device ? <span className="font-normal text-muted"> · {candidate.device}</span> : null}
        </p>
        <p className="text-xs text-muted">{candidate.reason}</p>
      </div>
      {inUse ? (
        <span className="mt-0.5 rounded-full border border-line px-2 text-2xs text-muted">in use</span>
      ) : (
        <Button
          small
          disabled={fixed || !candidate.available}
          aria-label={`Use ${engineWords(candidate.name)}`}
          onClick={() => void switchEngine(candidate.name)}
        >
          Use
        </Button>
      )}
    </li>
  );
}

function checkWords(check: EngineCheck): string {
  if (check === null) return 'Not yet checked against the reference.';
  if (check === 'running') return 'Checking against the reference…';
  const verdict = check.maxAbsError <= check.tolerance ? 'Checked against the reference' : 'Fails the reference check';
  return `${verdict}: max error ${check.maxAbsError.toExponential(1)} (tolerance ${check.tolerance.toExponential(0)}).`;
}
