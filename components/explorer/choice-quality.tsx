'use client';
/** What the whole choice costs: its output error and the facts that its pictures hold, an estimate until they are measured. */
import { useStore } from 'zustand';
import { estimatedError } from '@/lib/core/detection/index.ts';
import { COUNTED_PICTURES } from '@/lib/core/shapes/index.ts';
import { countedRangeWords, countedWords, shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { percentWords } from '@/lib/page/browser/number-words.ts';
import type { Analysed } from '@/lib/page/explorer/analysis-store.ts';
import {
  canCount,
  choiceQualityStore,
  hasFailed,
  isCounted,
  knownOf,
  presentChoice,
  wholeFacts,
} from '@/lib/page/explorer/choice-quality.ts';
import { type PageEdit, whyNotMeasured } from '@/lib/page/explorer/edits.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { needsFileWords } from '@/lib/page/explorer/probe-source.ts';
import { countNow, isQuickModel } from '@/lib/page/explorer/quiet-measurements.ts';
import { lacksWeights, NEEDS_WEIGHTS } from '@/lib/page/explorer/traces.ts';
import { Note, Row } from './plan-rows';
import { useAnalysed } from './use-analysis';
import { useModel, useSelection } from './use-model';

export function ChoiceQuality() {
  const chosen = useSelection((state) => state.selection.present);
  const summary = useModel((state) => state.summary);
  const analysed = useAnalysed();
  const { report, measuredOn } = analysed;
  // It decides what can be measured of the choice, so a change of it draws the lines anew.
  useStore(engineStore, (state) => state.report);
  const quality = useStore(choiceQualityStore);
  const present = presentChoice(analysed);
  const known = knownOf(quality, present?.of ?? null);
  if (chosen.length === 0 || !report || !present) {
    const noWeights = lacksWeights(summary);
    const lacking = noWeights
      ? NEEDS_WEIGHTS
      : chosen.length === 0
        ? 'measured per choice'
        : (whyNotMeasured(chosen) ?? (report ? needsFileWords(report, measuredOn) : 'needs an analysis'));
    return (
      <>
        <Row name="Output error" title={noWeights ?? ERROR_TITLE}>
          <span className="text-muted">{lacking}</span>
        </Row>
        {summary?.drawable ? (
          <Row name="Facts held" title={FACTS_TITLE}>
            <span className="text-muted">{lacking}</span>
          </Row>
        ) : null}
      </>
    );
  }
  const estimate = estimatedError(report, present.edits);
  const { damage = null, facts = null } = known ?? {};
  const isAllDrawn = facts !== null && isCounted(facts);
  const failedError = hasFailed(quality, present.of, 'error');
  const failedFacts = hasFailed(quality, present.of, 'facts');
  return (
    <>
      <Row name="Output error" title={ERROR_TITLE}>
        {damage ? (
          <>
            <span className="font-medium">{percentWords(damage.outputError)}</span>
            {damage.bounds ? <span className="ml-2 text-muted">{shareRangeWords(damage.bounds)}</span> : null}
          </>
        ) : (
          <span className="text-muted">
            {estimate === null ? '' : `≈ ${percentWords(estimate)}`}
            {failedError ? (estimate === null ? 'n/a' : '') : `${estimate === null ? '' : ', '}measuring…`}
          </span>
        )}
      </Row>
      {estimate === null ? null : (
        <Note>
          {present.edits.length === 1
            ? `One ${nounOf(present.edits).slice(0, -1)}: the same as its own error.`
            : damage
              ? `Estimated from the ${present.edits.length} ${nounOf(present.edits)}' own errors: ${percentWords(estimate)}.`
              : `Estimate: the ${present.edits.length} ${nounOf(present.edits)}' own errors, added in squares.`}
        </Note>
      )}
      {summary?.drawable ? (
        <Row name="Facts held" title={FACTS_TITLE}>
          {facts && facts.total > 0 ? (
            <>
              <span className={isCounted(facts) ? 'font-medium' : 'text-muted'}>
                {countedWords(facts)}
                {isCounted(facts) ? '' : ' so far'}
              </span>
              <span className="ml-2 text-muted">{countedRangeWords(facts)}</span>
            </>
          ) : failedFacts ? (
            <span className="text-muted">n/a</span>
          ) : quality.measuring?.what === 'facts' ? (
            <span className="text-muted">drawing…</span>
          ) : isQuickModel(report) ? (
            <span className="text-muted">waiting…</span>
          ) : null}
          {!isQuickModel(report) && !isAllDrawn && canCount(quality, present.of, analysed) ? (
            <CountButton analysed={analysed}>
              {facts && facts.total > 0 ? 'Draw the rest' : 'Draw and count'}
            </CountButton>
          ) : null}
        </Row>
      ) : null}
      {summary?.drawable && facts && facts.total > 0 ? (
        <Note>
          {pictureWords(facts.pictures, wholeFacts(quality, analysed))} {/* What is left then are the whole model's. */}
          {!isQuickModel(report) && isAllDrawn && canCount(quality, present.of, analysed) ? (
            <CountButton analysed={analysed}>Draw the whole model’s</CountButton>
          ) : null}
        </Note>
      ) : null}
    </>
  );
}

const nounOf = (edits: readonly PageEdit[]): string => (edits.every(({ on }) => on === 'run') ? 'intervals' : 'edits');

const CountButton = ({ analysed, children }: { analysed: Analysed; children: string }) => (
  <button
    type="button"
    className="h-5 rounded border border-line px-2 text-xs text-ink not-first:ml-2 hover:bg-panel-2"
    onClick={() => void countNow(analysed)}
  >
    {children}
  </button>
);

const ERROR_TITLE =
  'Relative error of the output with all that is chosen together, on the held-out samples of the analysis; the range is a 95 % bootstrap over prompts';
const FACTS_TITLE = `Facts of ${COUNTED_PICTURES.pictures} held-out captions that the checker finds in the pictures drawn with the choice; the range is Wilson's 95 % interval, as if facts were independent`;

function pictureWords(pictures: number, whole: { held: number; total: number } | null): string {
  const drawn = `${pictures} of ${COUNTED_PICTURES.pictures} captions drawn`;
  return whole ? `${drawn}; the whole model holds ${countedWords(whole)}.` : `${drawn}.`;
}
