/** What runs, why, what else could, and the reference check. */
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import type { EngineCandidate } from '@/lib/core/tensor/engine.ts';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import { momentWords } from '@/lib/page/browser/number-words.ts';
import { busyStore, isAnalysing } from '@/lib/page/explorer/compute.ts';
import { type EngineCheck, engineStore, silenceWords } from '@/lib/page/explorer/engine.ts';
import { checkAgain, restartEngine, switchEngine } from '@/lib/page/explorer/start-and-switch.ts';

export function EngineDetails() {
  const { status, report, wanted, problem, check, silentMs } = useStore(engineStore);
  const analysing = useStore(busyStore, isAnalysing);
  // Another engine would wait for the analysis to end, and then throw its probes away.
  const fixed = analysing || status === 'starting';
  return (
    <>
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
        ) : (
          <div className="flex shrink-0 gap-2">
            <Button small disabled={fixed || check === 'running'} onClick={() => void checkAgain()}>
              Check again
            </Button>
            {wanted === 'auto' ? null : (
              <Button small disabled={fixed} onClick={() => void switchEngine('auto')}>
                Choose for me
              </Button>
            )}
          </div>
        )}
      </div>
    </>
  );
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
  const verdict = check.maxAbsError <= check.tolerance ? 'Checked against the reference' : 'Failed the reference check';
  const when = check.keptFromMs === null ? '' : ` on ${momentWords(check.keptFromMs)}`;
  return `${verdict}${when}: max error ${check.maxAbsError.toExponential(1)} (tolerance ${check.tolerance.toExponential(0)}).`;
}
