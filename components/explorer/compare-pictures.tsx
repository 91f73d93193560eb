'use client';
/** The whole model, the present choice and a held one draw the prompt of the preview from the same noise. */
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { busyStore, isAnalysing } from '@/lib/page/explorer/compute.ts';
import type { PageEdit } from '@/lib/page/explorer/edits.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { changedSince } from '@/lib/page/explorer/made-of.ts';
import {
  drawCompared,
  isPrunedOf,
  type Pictured,
  pictureOf,
  previewStore,
  prunedOf,
  stopDraw,
  wholeOf,
  whyNotDrawn,
} from '@/lib/page/explorer/preview.ts';
import { reportProbes, wantedFile } from '@/lib/page/explorer/probe-source.ts';
import { refitStore, refitWords } from '@/lib/page/explorer/refitting.ts';
import { FactTable } from './fact-table';
import { Picture } from './preview-pictures';
import { useAnalysis } from './use-analysis';

interface ComparePicturesProps {
  model: ModelSummary;
  report: AnalysisReport;
  present: readonly PageEdit[];
  held: readonly PageEdit[];
}

export function ComparePictures({ model, report, present, held }: ComparePicturesProps) {
  const preview = useStore(previewStore);
  const measuredOn = useAnalysis((state) => state.measuredOn);
  const refit = useStore(refitStore, ({ progress }) => progress);
  const analysing = useStore(busyStore, isAnalysing);
  const engineReady = useStore(engineStore, ({ status }) => status === 'ready');
  const { prompt, seed, drawing, share } = preview;
  const probes = reportProbes(report, measuredOn);
  const missing = wantedFile(report, measuredOn);
  const whole = wholeOf(model.fingerprint, prompt, seed);
  const shownAs = (which: Pictured, title: string, name: string, edits: readonly PageEdit[]) => {
    const of = edits.length === 0 ? whole : prunedOf(whole, edits, probes);
    const drawn = pictureOf(preview, edits, of);
    return { which, title, name, drawn, changed: drawn ? changedSince(drawn.of, of) : [] };
  };
  const shown = [
    shownAs('whole', 'Whole', 'Picture of the whole model', []),
    shownAs('pruned', 'Now', 'Picture of the present plan', present),
    shownAs('held', 'Held', 'Picture of the held plan', held),
  ];
  const isDrawn = shown.every(({ drawn, changed }) => drawn !== null && changed.length === 0);
  const refused = [
    ['now', present],
    ['held', held],
  ] as const;
  const [whyNot = null] = refused.flatMap(([name, edits]) => {
    const reason = whyNotDrawn(edits, probes, missing);
    return reason === null ? [] : [`Plan “${name}”: ${reason}`];
  });
  const first = shown[0]?.drawn ?? null;
  return (
    <section aria-label="Pictures of the compared plans" className="mt-3">
      <div className="flex min-h-7 items-center gap-2">
        <p className="min-w-0 flex-1 truncate text-2xs text-muted" title={prompt}>
          Seed {seed}, as in the preview: {prompt}
        </p>
        {drawing ? (
          <Button small onClick={stopDraw}>
            Stop drawing
          </Button>
        ) : (
          <Button
            small
            disabled={isDrawn || !engineReady || analysing || whyNot !== null}
            onClick={() => void drawCompared(model.fingerprint, { present, held }, probes)}
          >
            {isDrawn ? 'Drawn' : 'Draw pictures'}
          </Button>
        )}
      </div>
      <div className="mt-1 grid grid-cols-3 gap-3">
        {shown.map(({ which, title, name, drawn, changed }) => (
          <Picture
            key={which}
            title={title}
            name={name}
            drawn={drawn}
            changed={changed}
            share={drawing === which ? share : null}
          />
        ))}
      </div>
      <p className="mt-1 min-h-4 text-2xs text-muted">
        {whyNot ?? (drawing && refit ? `${refitWords(refit)}.` : 'The same noise for all three.')}
      </p>
      {first && first.drawing.facts.length > 0 ? (
        <FactTable
          caption="What the checker reads in the pictures of the compared plans"
          columns={shown.map(({ title, drawn, changed }) => ({
            name: title,
            facts: drawn && isPrunedOf(drawn.of, first.of) ? drawn.drawing.facts : null,
            isOutdated: changed.length > 0,
          }))}
        />
      ) : null}
    </section>
  );
}
