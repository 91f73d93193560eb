'use client';
/** The inputs that an analysis is made on: chosen and bounded for a model, told for a trace, which brings its own. */
import { useStore } from 'zustand';
import { FileButton } from '@/components/ui/file-button';
import { NumberField } from '@/components/ui/number-field';
import { Select } from '@/components/ui/select';
import type { TraceFacts } from '@/lib/core/folder/model-summary.ts';
import { PAGE_CALIBRATION_BOUNDS } from '@/lib/core/report/index.ts';
import { bytesWords } from '@/lib/page/browser/number-words.ts';
import { tokensWords } from '@/lib/page/browser/stream-words.ts';
import { calibrationStore } from '@/lib/page/explorer/calibration.ts';
import { type WantedFile, wantedFile } from '@/lib/page/explorer/probe-source.ts';
import { useAnalysis } from './use-analysis';
import { useModel } from './use-model';

export function CalibrationInputs({ disabled }: { disabled: boolean }) {
  const choice = useStore(calibrationStore);
  const summary = useModel((state) => state.summary);
  const report = useAnalysis((state) => state.report);
  const measuredOn = useAnalysis((state) => state.measuredOn);
  const missing = wantedFile(report, measuredOn);
  return (
    <>
      <Select
        label="Inputs"
        value={choice.kind}
        disabled={disabled}
        options={[
          { value: 'shapes', label: 'Sample prompts', disabled: summary !== null && !summary.drawable },
          { value: 'file', label: 'Calibration file' },
          { value: 'synthetic', label: 'Synthetic noise' },
        ]}
        onChange={(kind) => calibrationStore.setState({ kind })}
      />
      <div className="flex min-h-[112px] flex-col gap-2">
        {choice.kind === 'file' ? (
          <div className="text-xs">
            <FileButton
              name="Calibration file"
              testId="calibration-input"
              accept=".safetensors"
              className="w-full"
              disabled={disabled}
              onPick={([file]) => calibrationStore.setState({ file, fileDigits: null })}
            >
              {choice.file ? 'Another file' : 'Pick calibration.safetensors'}
            </FileButton>
            {missing ? <MissingFile {...missing} /> : null}
            <p className="mt-2 text-muted">
              {choice.file
                ? `${choice.file.name}, ${bytesWords(choice.file.size)}`
                : "Tensors named as diffusers' forward arguments: hidden_states, encoder_hidden_states, timestep; img_shapes in the metadata."}
            </p>
          </div>
        ) : (
          <div className="grid grid-cols-3 gap-2">
            <NumberField
              label="Samples"
              value={choice.samples}
              range={PAGE_CALIBRATION_BOUNDS.samples}
              disabled={disabled}
              onChange={(samples) => calibrationStore.setState({ samples })}
            />
            <NumberField
              label="Timesteps"
              value={choice.timesteps}
              range={PAGE_CALIBRATION_BOUNDS.timesteps}
              disabled={disabled}
              onChange={(timesteps) => calibrationStore.setState({ timesteps })}
            />
            <NumberField
              label="Seed"
              value={choice.seed}
              range={PAGE_CALIBRATION_BOUNDS.seed}
              disabled={disabled}
              onChange={(seed) => calibrationStore.setState({ seed })}
            />
          </div>
        )}
        <p className="text-2xs text-muted">
          {choice.kind === 'synthetic' ? (
            <strong className="font-medium text-accent">
              SYNTHETIC inputs: seeded noise, not what the model sees in use. Good for a first look, not for a decision.
            </strong>
          ) : choice.kind === 'shapes' && summary ? (
            `${choice.samples} pictures with captions, up to ${tokensWords(summary.tokensPerForward, summary.streams)} each, spread over ${choice.timesteps} timesteps.`
          ) : null}
        </p>
      </div>
    </>
  );
}

/** As high as the choice of inputs. */
export const TracedInputs = ({ label }: TraceFacts) => (
  <div className="min-h-[152px] text-xs">
    <p className="wrap-anywhere">{label}.</p>
    <p className="mt-2 text-muted">
      A trace holds states and no weights. Probes, similarities, trajectories, detected intervals and their bounds are
      measured; output errors, times and pictures need the model itself.
    </p>
  </div>
);

/** A browser cannot open a file again by itself after a reload. */
function MissingFile({ name, digits }: WantedFile) {
  return (
    <p className="mt-2 wrap-anywhere">
      {digits === null
        ? `The analysis on the page was measured on ${name}. Analyse the file again to measure further intervals or to preview with probes.`
        : `The analysis on the page was measured on ${name} (content ${digits}). Choose that file again to measure further intervals or to preview with probes.`}
    </p>
  );
}
