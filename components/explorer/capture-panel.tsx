'use client';
/** What the model is run on to see its hidden states, and the one button that starts it all. */
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { FieldGroup, useFieldProblems } from '@/components/ui/field-group';
import { FileButton } from '@/components/ui/file-button';
import { Help } from '@/components/ui/help';
import { NumberField } from '@/components/ui/number-field';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { PAGE_CALIBRATION_BOUNDS } from '@/lib/core/report/index.ts';
import { bytesWords } from '@/lib/page/browser/number-words.ts';
import { tokensWords } from '@/lib/page/browser/stream-words.ts';
import { analysisStore, stopAnalysis } from '@/lib/page/explorer/analysis.ts';
import { calibrationStore, requestOf } from '@/lib/page/explorer/calibration.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { type WantedFile, wantedFile } from '@/lib/page/explorer/probe-source.ts';
import { startAnalysis } from '@/lib/page/explorer/start-and-switch.ts';
import { AnalysisProgress } from './analysis-progress';
import { useCalibrationChanges } from './use-report-mark';

export const CapturePanel = () => (
  <FieldGroup>
    <Capture />
  </FieldGroup>
);

function Capture() {
  const choice = useStore(calibrationStore);
  const summary = useStore(modelStore, (state) => state.summary);
  const opening = useStore(modelStore, (state) => state.opening);
  const engineReady = useStore(engineStore, ({ status }) => status === 'ready');
  const running = useStore(analysisStore, (state) => state.running !== null);
  const stopping = useStore(analysisStore, (state) => state.stopping);
  const report = useStore(analysisStore, (state) => state.report);
  const problems = useFieldProblems();
  const changes = useCalibrationChanges();
  const measuredOn = useStore(analysisStore, (state) => state.measuredOn);
  const missing = wantedFile(report, measuredOn);
  const ready =
    engineReady && summary !== null && opening === null && requestOf(choice) !== null && problems.length === 0;
  return (
    <Panel
      title="Calibration"
      help={
        <Help about="calibration">
          <p>
            Redundancy shows only on inputs the model was made for. The calibration set is a batch of real forward
            inputs: noisy pictures at several timesteps, with their captions.
          </p>
          <p>
            Every token is one sample row. A quarter of the samples is held out: probes are judged on rows they were not
            fitted on. Padded tokens never count.
          </p>
        </Help>
      }
    >
      <div className="space-y-2">
        <Select
          label="Inputs"
          value={choice.kind}
          disabled={running}
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
                disabled={running}
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
                disabled={running}
                onChange={(samples) => calibrationStore.setState({ samples })}
              />
              <NumberField
                label="Timesteps"
                value={choice.timesteps}
                range={PAGE_CALIBRATION_BOUNDS.timesteps}
                disabled={running}
                onChange={(timesteps) => calibrationStore.setState({ timesteps })}
              />
              <NumberField
                label="Seed"
                value={choice.seed}
                range={PAGE_CALIBRATION_BOUNDS.seed}
                disabled={running}
                onChange={(seed) => calibrationStore.setState({ seed })}
              />
            </div>
          )}
          <p className="text-2xs text-muted">
            {choice.kind === 'synthetic' ? (
              <strong className="font-medium text-accent">
                SYNTHETIC inputs: seeded noise, not what the model sees in use. Good for a first look, not for a
                decision.
              </strong>
            ) : choice.kind === 'shapes' && summary ? (
              `${choice.samples} pictures with captions, up to ${tokensWords(summary.tokensPerForward, summary.streams)} each, spread over ${choice.timesteps} timesteps.`
            ) : null}
          </p>
        </div>
        {running ? (
          <Button className="w-full" disabled={stopping} onClick={stopAnalysis}>
            {stopping ? 'Stopping…' : 'Stop'}
          </Button>
        ) : (
          <Button
            look={report && changes.length === 0 ? 'plain' : 'primary'}
            className="w-full"
            disabled={!ready}
            title={problems[0]}
            onClick={() => void startAnalysis(choice)}
          >
            Analyse
          </Button>
        )}
        <AnalysisProgress />
      </div>
    </Panel>
  );
}

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
