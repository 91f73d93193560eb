'use client';
/** Shared modulations: one rank for all blocks or none, with the error that each rank leaves, found from the weights alone. */
import { useMemo } from 'react';
import { useStore } from 'zustand';
import { useWidth } from '@/components/charts';
import { RankCurve } from '@/components/charts/rank-curve';
import { Button } from '@/components/ui/button';
import { Help } from '@/components/ui/help';
import { NumberField } from '@/components/ui/number-field';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import { Switch } from '@/components/ui/switch';
import type { WidthEdit } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { editedModel, whyNone } from '@/lib/core/model/config-index.ts';
import { errorAtRank } from '@/lib/core/plan/index.ts';
import { measuredRank } from '@/lib/core/planner/index.ts';
import { shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { countWords, percentWords } from '@/lib/page/browser/number-words.ts';
import { busyStore } from '@/lib/page/explorer/compute.ts';
import { modulationWords } from '@/lib/page/explorer/edit-words.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import {
  atRank,
  findModulations,
  isMeasuredOn,
  modulationsStore,
  stopModulations,
} from '@/lib/page/explorer/modulations.ts';
import { configOf } from '@/lib/page/explorer/narrower.ts';
import { reportProbes } from '@/lib/page/explorer/probe-source.ts';
import { choose, chosenNarrower } from '@/lib/page/explorer/selection.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';
import { useAnalysed } from './use-analysis';
import { useModel, useSelection } from './use-model';

/** Of which the published model's modulations lose little; the curve tells others. */
const FIRST_RANK = 8;

export function ModulationPanel() {
  const summary = useModel((state) => state.summary);
  const reason = summary && whyNone(summary.narrower.modulation);
  return (
    <Panel
      title="Shared modulation"
      help={
        <Help about="shared modulations">
          <p>
            Modulation matrices turn the timestep into shifts, scales and gates. Where the timestep alone decides what
            they read, that is a curve in one variable, and all blocks can share a basis of few vectors: every matrix [6
            D, D] becomes [6 D, rank].
          </p>
          <p>
            The basis follows from the weights and the scheduler’s timesteps, without any picture. The error is of the
            modulations of all blocks at timesteps that the basis was not made from. diffusers does not read the result;
            Contigua does.
          </p>
        </Help>
      }
    >
      {reason ? (
        <p className="rounded-md border border-dashed border-line px-3 py-3 text-xs leading-5 text-muted">{reason}</p>
      ) : summary ? (
        <Rank summary={summary} />
      ) : (
        <div className="h-28" />
      )}
    </Panel>
  );
}

function Rank({ summary }: { summary: ModelSummary }) {
  const { found, measured, running } = useStore(modulationsStore);
  const narrower = useSelection(chosenNarrower);
  const [ref, width] = useWidth<HTMLDivElement>();
  const shared = useMemo(() => narrower.filter((edit) => edit.on === 'modulation'), [narrower]);
  const [first, ...others] = shared;
  const rank = first && others.length === 0 && 'rank' in first.by ? first.by.rank : null;
  const isOfAll = shared.every(({ blocks }) => blocks === 'all');
  const errors = found?.model === summary.fingerprint ? found.errors : null;
  const saved = useMemo(() => savings(summary, shared), [summary, shared]);
  const take = (next: number) => choose({ type: 'choose-narrower', on: 'modulation', edits: atRank(shared, next) });
  const inWords = (at: number) => {
    const error = errors && errorAtRank(errors, at);
    const found = typeof error === 'number' ? `${percentWords(error)} error of the modulations, ` : '';
    return `Rank ${at}: ${found}saves ${countWords(saved(at).parameters)} parameters (${percentWords(saved(at).share)}).`;
  };
  return (
    <>
      <div className="mb-2 flex min-h-7 items-center gap-3 text-xs">
        <Switch
          name={isOfAll ? 'Share the modulation of all blocks' : 'Share the modulation of some blocks'}
          on={shared.length > 0}
          onChange={(on) =>
            on
              ? take(Math.min(FIRST_RANK, summary.width))
              : choose({ type: 'choose-narrower', on: 'modulation', edits: [] })
          }
        />
        {rank === null ? (
          <span className="text-muted">
            {shared.length > 0 ? shared.map(modulationWords).join('; ') : 'Each block has its own.'}
          </span>
        ) : (
          <NumberField
            inline
            label="Rank"
            value={rank}
            range={{ min: 1, max: summary.width, whole: true }}
            onChange={take}
          />
        )}
        {rank === null ? null : (
          <span className="text-muted">
            of {summary.width}
            {isOfAll ? '' : `, ${shared.map(modulationWords).join('; ')}`}
          </span>
        )}
      </div>
      <div ref={ref}>
        {errors && width > 0 ? (
          <RankCurve width={Math.min(width, 420)} errors={errors} rank={rank} inWords={inWords} onRank={take} />
        ) : (
          <p className="mb-1.5 text-2xs text-muted">{rank === null ? '' : inWords(rank)}</p>
        )}
      </div>
      <Find summary={summary} errors={errors} running={running} />
      {measured && measured.model === summary.fingerprint && errors ? (
        <p className="mt-1 text-2xs text-muted">
          Output error at rank {measured.rank}: {percentWords(measured.damage.outputError)}
          {measured.damage.bounds ? ` (${shareRangeWords(measured.damage.bounds)})` : ''}, measured. Plans take it to be
          in proportion to the error of the modulations at other ranks.
        </p>
      ) : null}
    </>
  );
}

/** Of the whole model, by rank, with the same blocks sharing it. */
function savings(
  summary: ModelSummary,
  shared: readonly WidthEdit[],
): (rank: number) => { readonly parameters: number; readonly share: number } {
  const config = configOf(summary);
  const before = editedModel(config, []).parameters;
  const known = new Map<number, number>();
  return (rank) => {
    const parameters = known.get(rank) ?? before - editedModel(config, atRank(shared, rank)).parameters;
    known.set(rank, parameters);
    return { parameters, share: parameters / before };
  };
}

interface FindProps {
  summary: ModelSummary;
  errors: readonly number[] | null;
  running: { readonly stage: string; readonly done: number; readonly total: number } | null;
}

/** Finds the errors, then measures one rank; of one height. */
function Find({ summary, errors, running }: FindProps) {
  const analysed = useAnalysed();
  // Whether the output is measured on the inputs of the present report.
  useStore(modulationsStore, (state) => state.measured);
  const isBusy = useStore(busyStore, ({ tasks }) => tasks.length > 0);
  const isReady = useStore(engineStore, ({ status }) => status === 'ready');
  const noWeights = lacksWeights(summary);
  const inputs = reportProbes(analysed.report, analysed.measuredOn)?.name ?? null;
  if (running) {
    const { stage, done, total } = running;
    const words =
      stage === 'modulations' ? `Reading matrix ${done} of ${total}` : `Measuring one rank, ${done} of ${total}`;
    return (
      <div className="flex h-7 items-center gap-3 text-2xs text-muted">
        <span className="whitespace-nowrap">{words}</span>
        <div className="min-w-0 flex-1">
          <Progress name="Shared modulation" share={total > 0 ? done / total : 0} text={words} />
        </div>
        <Button small aria-label="Stop finding errors" onClick={stopModulations}>
          Stop
        </Button>
      </div>
    );
  }
  const isDone = errors !== null && (inputs === null || isMeasuredOn(inputs));
  if (isDone) return null;
  return (
    <Button
      small
      disabled={isBusy || !isReady || noWeights !== null}
      title={noWeights ?? undefined}
      onClick={() => void findModulations(measuredRank(summary), analysed)}
    >
      {errors === null ? 'Find errors by rank' : 'Measure the output at one rank'}
    </Button>
  );
}
