'use client';
/** The same prompt and seed, whole and pruned, side by side, with what the checker reads in each picture. */
import { lazy, Suspense, useMemo } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { Choice } from '@/components/ui/choice';
import { FieldGroup, useFieldProblems } from '@/components/ui/field-group';
import { Help } from '@/components/ui/help';
import { useLimitedText } from '@/components/ui/limited-text';
import { NumberField } from '@/components/ui/number-field';
import { Panel } from '@/components/ui/panel';
import { runsOf } from '@/lib/core/edit/index.ts';
import { SEED_RANGE } from '@/lib/core/random.ts';
import { DRAWING } from '@/lib/core/shapes/index.ts';
import { busyStore, isAnalysing } from '@/lib/page/explorer/compute.ts';
import { pageEdits } from '@/lib/page/explorer/edits.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { changedSince } from '@/lib/page/explorer/made-of.ts';
import {
  drawBoth,
  isPrunedOf,
  previewStore,
  prunedOf,
  stopDraw,
  wholeOf,
  whyNotDrawn,
} from '@/lib/page/explorer/preview.ts';
import { reportProbes, wantedFile } from '@/lib/page/explorer/probe-source.ts';
import { refitStore, refitWords } from '@/lib/page/explorer/refitting.ts';
import { replaceAllBy } from '@/lib/page/explorer/selection.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';
import { Picture } from './preview-pictures';
import { useAnalysis } from './use-analysis';
import { useModel, useSelection } from './use-model';

/** No part of the first load. */
const FactTable = lazy(async () => ({ default: (await import('./fact-table')).FactTable }));

/** Several times the longest caption of the grammar; without an end the page's address would outgrow what servers read. */
const MOST_PROMPT_CHARACTERS = 500;

const PreviewHelp = lazy(async () => ({ default: (await import('./help-texts')).PreviewHelp }));

export const PreviewPanel = () => (
  <FieldGroup>
    <Preview />
  </FieldGroup>
);

function Preview() {
  const problems = useFieldProblems();
  const limited = useLimitedText({
    label: 'Prompt',
    value: useStore(previewStore, (state) => state.prompt),
    most: MOST_PROMPT_CHARACTERS,
    onChange: (prompt) => previewStore.setState({ prompt }),
  });
  const summary = useModel((state) => state.summary);
  const preview = useStore(previewStore);
  const selected = useSelection((state) => state.selection.present);
  const chosen = useMemo(() => pageEdits(selected), [selected]);
  const replaceBy = useStore(settingsStore, (state) => state.replaceBy);
  const report = useAnalysis((state) => state.report);
  const measuredOn = useAnalysis((state) => state.measuredOn);
  const refit = useStore(refitStore, ({ progress }) => progress);
  const analysing = useStore(busyStore, isAnalysing);
  const engineReady = useStore(engineStore, ({ status }) => status === 'ready');
  const { prompt, seed, drawing, isComparing, whole, pruned, share } = preview;
  const probes = reportProbes(report, measuredOn);
  const missing = wantedFile(report, measuredOn);
  const wholeNow = wholeOf(summary?.fingerprint ?? '', prompt, seed);
  const prunedNow = prunedOf(wholeNow, chosen, probes);
  const wholeChanged = whole ? changedSince(whole.of, wholeNow) : [];
  const prunedChanged = pruned ? changedSince(pruned.of, prunedNow) : [];
  const outdated = wholeChanged.length > 0 || (prunedChanged.length > 0 && chosen.length > 0);
  const drawable = summary?.drawable ?? true;
  const whyNot = whyNotDrawn(chosen, probes, missing);
  const reason =
    whyNot ??
    (drawing && refit
      ? `${refitWords(refit)}.`
      : chosen.length === 0
        ? 'Choose intervals or narrower blocks to see what the pruned model draws.'
        : `${DRAWING.steps} steps, guidance ${DRAWING.guidance}. The checker reads each picture and compares it with the prompt.`);
  return (
    <Panel
      title="Preview"
      help={
        <Help about="the preview">
          <PreviewHelp />
        </Help>
      }
      tools={
        <Choice
          name="Replace chosen blocks by"
          value={runsOf(chosen).every(({ by }) => by === replaceBy) ? replaceBy : null}
          onChange={replaceAllBy}
          options={[
            { value: 'nothing', label: 'Removed' },
            { value: 'probes', label: 'Probes' },
            { value: 'linear', label: 'Linear' },
          ]}
        />
      }
    >
      {drawable ? (
        <>
          <form
            className="space-y-2"
            onSubmit={(event) => {
              event.preventDefault();
              if (summary && problems.length === 0 && whyNot === null)
                void drawBoth(summary.fingerprint, chosen, probes);
            }}
          >
            <textarea
              aria-label="Prompt"
              rows={2}
              {...limited.field}
              spellCheck={false}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && !event.shiftKey) {
                  event.preventDefault();
                  event.currentTarget.form?.requestSubmit();
                }
              }}
              className="block w-full resize-none rounded-md border border-line bg-panel px-2 py-1.5 text-xs leading-4 aria-invalid:border-danger disabled:opacity-50"
            />
            {limited.note}
            <div className="flex items-center gap-2">
              <NumberField
                inline
                label="Seed"
                value={seed}
                range={SEED_RANGE}
                onChange={(next) => previewStore.setState({ seed: next })}
              />
              {drawing ? (
                <Button className="ml-auto" onClick={stopDraw}>
                  Stop drawing
                </Button>
              ) : (
                <Button
                  type="submit"
                  look={outdated ? 'primary' : 'plain'}
                  className="ml-auto min-w-20"
                  disabled={!summary || !engineReady || analysing || whyNot !== null || problems.length > 0}
                >
                  Draw
                </Button>
              )}
            </div>
          </form>
          <div className="mt-3 grid max-w-md grid-cols-2 gap-3">
            <Picture
              title="Whole"
              drawn={whole}
              changed={wholeChanged}
              share={drawing === 'whole' ? share : null}
              isRevealed={!isComparing}
            />
            <Picture
              title="Pruned"
              drawn={pruned}
              changed={prunedChanged}
              share={drawing === 'pruned' ? share : null}
              isRevealed={!isComparing}
            />
          </div>
          <p className="mt-1 min-h-8 text-2xs text-muted">{reason}</p>
          {whole && whole.drawing.facts.length > 0 && (
            <Suspense>
              <FactTable
                columns={[
                  { name: 'Whole', facts: whole.drawing.facts, isOutdated: wholeChanged.length > 0 },
                  {
                    name: 'Pruned',
                    facts: pruned && isPrunedOf(pruned.of, whole.of) ? pruned.drawing.facts : null,
                    isOutdated: prunedChanged.length > 0,
                  },
                ]}
              />
            </Suspense>
          )}
        </>
      ) : (
        <NoPreview reason={lacksWeights(summary)} />
      )}
    </Panel>
  );
}

const NoPreview = ({ reason }: { reason: string | null }) => (
  <p className="rounded-md border border-dashed border-line px-3 py-3 text-xs leading-5 text-muted">
    <span className="font-medium text-ink">No preview.</span>{' '}
    {reason ??
      'Contigua draws pictures only with its own sample models. This one needs a text encoder and a VAE, which are not part of a transformer.'}
  </p>
);
