'use client';
/**
 * Shared modulations of all blocks: a basis of one rank, with the error that each rank leaves, found from the weights alone; or a table over the
 * timesteps of a fixed schedule.
 */
import { useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { useWidth } from '@/components/charts';
import { RankCurve } from '@/components/charts/rank-curve';
import { Button } from '@/components/ui/button';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { NumberField } from '@/components/ui/number-field';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import { Switch } from '@/components/ui/switch';
import { formatEditParam, type ModulationEdit, modulationEdit, type WidthEdit } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { editableFrom, editedModel, whyNone } from '@/lib/core/model/config-index.ts';
import { errorAtRank } from '@/lib/core/plan/index.ts';
import { measuredRank } from '@/lib/core/planner/index.ts';
import { shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { countWords, percentWords } from '@/lib/page/browser/number-words.ts';
import { busyStore } from '@/lib/page/explorer/compute.ts';
import { modulationWords } from '@/lib/page/explorer/edit-words.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import {
  asTable,
  atRank,
  findModulations,
  isMeasuredOn,
  modulationsStore,
  stopModulations,
} from '@/lib/page/explorer/modulations.ts';
import { configOf } from '@/lib/page/explorer/narrower.ts';
import { reportProbes } from '@/lib/page/explorer/probe-source.ts';
import { choose, chosenNarrower, presentNarrower } from '@/lib/page/explorer/selection.ts';
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
            D, D] becomes [6 D, rank]. A <em>table</em> holds the modulations at the timesteps of one schedule, exactly,
            and the model takes no others; its output is not measured here.
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
  const only = first && others.length === 0 ? first.by : null;
  const rank = only && 'rank' in only ? only.rank : null;
  const table = only && 'table' in only ? only.table : null;
  const isOfAll = shared.every(({ blocks }) => blocks === 'all');
  const errors = found?.model === summary.fingerprint ? found.errors : null;
  const saved = useMemo(() => savings(summary, shared), [summary, shared]);
  const takeAll = (edits: readonly ModulationEdit[]) => choose({ type: 'choose-narrower', on: 'modulation', edits });
  const take = (next: number) => takeAll(atRank(shared, next));
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
          onChange={(on) => (on ? take(Math.min(FIRST_RANK, summary.width)) : takeAll([]))}
        />
        {only ? <Way summary={summary} shared={shared} by={only} onTake={takeAll} onRank={take} /> : null}
        {table ? (
          <span className="text-muted">{isOfAll ? '' : shared.map(modulationWords).join('; ')}</span>
        ) : rank === null ? (
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
        {errors && width > 0 && !table ? (
          <RankCurve width={Math.min(width, 420)} errors={errors} rank={rank} inWords={inWords} onRank={take} />
        ) : (
          <p className="mb-1.5 text-2xs text-muted">
            {rank === null ? (table ? tableWords(summary, shared, table) : '') : inWords(rank)}
          </p>
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

interface WayProps {
  summary: ModelSummary;
  shared: readonly ModulationEdit[];
  by: ModulationEdit['by'];
  onTake: (edits: readonly ModulationEdit[]) => void;
  onRank: (rank: number) => void;
}

const FIRST_STEPS = 20;
const STEPS = { min: 1, max: 1000, whole: true };

/** A rank or a table; the steps of a table, whose timesteps follow from the model's scheduler. */
function Way({ summary, shared, by, onTake, onRank }: WayProps) {
  const [steps, setSteps] = useState('table' in by ? by.table.length : FIRST_STEPS);
  const noTable =
    lacksWeights(summary) ?? editableFrom(summary.narrower, summary).whyNot(modulationEdit({ table: [1] }));
  // The worker, which knows the scheduler, may be busy: what was chosen meanwhile stays.
  const [isAsking, setAsking] = useState(false);
  const wanted = useRef(0);
  useEffect(
    () => () => {
      wanted.current += 1;
    },
    [],
  );
  const takeTable = async (next: number) => {
    wanted.current += 1;
    const call = wanted.current;
    setSteps(next);
    setAsking(true);
    const edits = await asTable(shared, next);
    if (call !== wanted.current) return;
    setAsking(false);
    if (edits && isPresent(shared)) onTake(edits);
  };
  const takeRank = () => {
    wanted.current += 1;
    setAsking(false);
    onRank(Math.min(FIRST_RANK, summary.width));
  };
  const way = isAsking || 'table' in by ? 'table' : 'rank';
  return (
    <>
      <Choice
        name="Way of sharing"
        value={way}
        options={[
          { value: 'rank', label: 'Rank' },
          { value: 'table', label: 'Table', disabled: noTable !== null, title: noTable ?? undefined },
        ]}
        onChange={(next) => (next === 'rank' ? takeRank() : void takeTable(steps))}
      />
      {way === 'table' ? (
        <NumberField inline label="Steps" value={steps} range={STEPS} onChange={(next) => void takeTable(next)} />
      ) : null}
    </>
  );
}

const isPresent = (shared: readonly ModulationEdit[]): boolean =>
  formatEditParam(
    presentNarrower().filter(({ on }) => on === 'modulation'),
    'nothing',
  ) === formatEditParam(shared, 'nothing');

const MOST_TOLD = 6;

/** "A table of 4 timesteps (1, 0.75, 0.5, 0.25): exact at these, none at others. Saves …" */
function tableWords(summary: ModelSummary, shared: readonly WidthEdit[], table: readonly number[]): string {
  const { parameters, share } = savedBy(summary, shared);
  const told = table.slice(0, MOST_TOLD).map((time) => Number(time.toPrecision(4)));
  const more = table.length > MOST_TOLD ? ', …' : '';
  return `A table of ${table.length} timesteps (${told.join(', ')}${more}): exact at these, none at others. Saves ${countWords(parameters)} parameters (${percentWords(share)}).`;
}

function savedBy(summary: ModelSummary, edits: readonly WidthEdit[]) {
  const config = configOf(summary);
  const before = editedModel(config, []).parameters;
  const parameters = before - editedModel(config, edits).parameters;
  return { parameters, share: parameters / before };
}

/** Of the whole model, by rank, with the same blocks sharing it. */
function savings(summary: ModelSummary, shared: readonly WidthEdit[]): (rank: number) => ReturnType<typeof savedBy> {
  const known = new Map<number, ReturnType<typeof savedBy>>();
  return (rank) => {
    const saved = known.get(rank) ?? savedBy(summary, atRank(shared, rank));
    known.set(rank, saved);
    return saved;
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
