'use client';
/** The settings of a new run: what most people decide in sight, the rest folded. */
import { type ReactNode, useId, useState } from 'react';
import { Choice } from '@/components/ui/choice';
import { FileButton } from '@/components/ui/file-button';
import { Help } from '@/components/ui/help';
import { useLimitedText } from '@/components/ui/limited-text';
import { NumberField } from '@/components/ui/number-field';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { asContiguaError } from '@/lib/core/errors.ts';
import type { NumberRange } from '@/lib/core/number-range.ts';
import {
  DISTIL_BOUNDS,
  DISTIL_LOSSES,
  type DistilSettings,
  FINE_TUNE_BOUNDS,
  MAX_RUN_NAME,
  RUN_BOUNDS,
  STUDENT_STARTS,
  warmupBounds,
} from '@/lib/core/run/index.ts';
import type { ServerModel } from '@/lib/page/api/run-api.ts';
import { type DistilForm, warmupOf, withDistil, withFineTune } from '@/lib/page/distil-form/distil-form.ts';
import { uploadCalibration } from '@/lib/page/distil-form/upload-calibration.ts';
import { LOSS_WORDS, START_WORDS } from '@/lib/page/run/run-settings.ts';

interface FieldsProps {
  form: DistilForm;
  model: ServerModel;
  onChange: (form: DistilForm) => void;
}

const GIBIBYTE = 2 ** 30;
const CACHE_GIBIBYTES: NumberRange = { min: 0, max: RUN_BOUNDS.cacheBytes.max / GIBIBYTE, whole: true };

/** With 0, which stands for "none" in a field. */
function orNone(range: NumberRange): NumberRange {
  return { ...range, min: 0, aboveMin: false };
}

export function DistilFields({ form, model, onChange }: FieldsProps) {
  const { distil } = form;
  const change = (part: Partial<DistilSettings>) => onChange(withDistil(form, part));
  const [uploaded, setUploaded] = useState<readonly string[]>([]);
  const files = [...new Set([...model.calibrations, ...uploaded])];
  return (
    <div className="mt-4 space-y-4">
      <RunName name={form.name} onChange={(name) => onChange({ ...form, name })} />
      <Group title="Data" help={<DataHelp />}>
        <div className="flex flex-wrap items-center justify-between gap-2">
          <Choice
            name="Training data"
            value={form.data}
            onChange={(data) => onChange({ ...form, data })}
            options={[
              {
                value: 'shapes',
                label: 'Sample grammar',
                disabled: !model.drawable,
                title: model.drawable ? undefined : 'Only the sample model has a grammar',
              },
              {
                value: 'file',
                label: 'Calibration file',
                title: 'One in the model’s folder on the server, or one of yours',
              },
              { value: 'synthetic', label: 'Synthetic' },
            ]}
          />
          {form.data === 'file' && form.file !== null && files.length > 0 ? (
            <Select
              label="File"
              value={form.file}
              options={files.map((path) => ({ value: path, label: path }))}
              onChange={(file) => onChange({ ...form, file })}
            />
          ) : null}
        </div>
        {form.data === 'file' ? (
          <CalibrationUpload
            model={model}
            onUploaded={(file) => {
              setUploaded((before) => [...new Set([...before, file])]);
              onChange({ ...form, file });
            }}
          />
        ) : null}
        <p className="min-h-4 text-2xs text-muted">{dataWords(form)}</p>
      </Group>
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <NumberField
          label="Steps"
          value={distil.steps}
          range={DISTIL_BOUNDS.steps}
          onChange={(steps) => change({ steps })}
        />
        <NumberField
          label="Batch"
          value={distil.batch}
          range={DISTIL_BOUNDS.batch}
          onChange={(batch) => change({ batch })}
        />
        <NumberField
          label="Learning rate"
          value={distil.learningRate}
          range={DISTIL_BOUNDS.learningRate}
          onChange={(learningRate) => change({ learningRate })}
        />
        <NumberField
          label="Seed"
          value={distil.seed}
          range={DISTIL_BOUNDS.seed}
          onChange={(seed) => change({ seed })}
        />
      </div>
      <Group title="Loss" help={<LossHelp />}>
        <div className="grid grid-cols-[minmax(0,1fr)_120px] items-end gap-3">
          <Select
            label="Compare states by"
            value={distil.loss}
            options={DISTIL_LOSSES.map((value) => ({ value, label: LOSS_WORDS[value] }))}
            onChange={(loss) => change({ loss })}
          />
          <NumberField
            label="Magnitude weight"
            value={distil.magnitudeWeight}
            range={DISTIL_BOUNDS.magnitudeWeight}
            disabled={distil.loss !== 'direction-magnitude'}
            onChange={(magnitudeWeight) => change({ magnitudeWeight })}
          />
        </div>
      </Group>
      <Group title="Joint fine-tune" help={<FineTuneHelp />}>
        <div className="flex items-center gap-3">
          <Switch
            name="Joint fine-tune"
            on={form.fineTuned}
            onChange={(fineTuned) => onChange({ ...form, fineTuned })}
          />
          <p className="text-xs text-muted">
            {form.fineTuned
              ? 'After everything else, trains the whole student model.'
              : 'Off: all parts stay as they were trained.'}
          </p>
        </div>
        {form.fineTuned ? <FineTuneFields form={form} onChange={onChange} /> : null}
      </Group>
      <details className="rounded-md border border-line px-3 py-2">
        <summary className="rounded text-xs font-medium">More settings</summary>
        <div className="mt-3 space-y-4 pb-1">
          <Advanced form={form} onChange={onChange} />
        </div>
      </details>
    </div>
  );
}

function Advanced({ form, onChange }: { form: DistilForm; onChange: (form: DistilForm) => void }) {
  const { distil } = form;
  const change = (part: Partial<DistilSettings>) => onChange(withDistil(form, part));
  return (
    <>
      <div className="space-y-2">
        <Select
          label="Student starts from"
          value={distil.start}
          options={STUDENT_STARTS.map((value) => ({ value, label: START_WORDS[value] }))}
          onChange={(start) => change({ start })}
        />
        <Select
          label="After the warm-up"
          value={distil.schedule}
          options={[
            { value: 'cosine', label: 'Cosine to zero' },
            { value: 'constant', label: 'Level' },
          ]}
          onChange={(schedule) => change({ schedule })}
        />
        <Select
          label="Engine"
          value={form.engine}
          options={[
            { value: 'auto', label: "Worker's choice" },
            { value: 'tensorflow', label: 'TensorFlow' },
            { value: 'webgpu', label: 'WebGPU' },
            { value: 'wasm', label: 'WASM' },
            { value: 'cpu', label: 'CPU (plain JavaScript)' },
          ]}
          onChange={(engine) => onChange({ ...form, engine })}
        />
        {distil.ema === null ? null : (
          <Select
            label="EMA decay"
            value={distil.emaWarmup ? 'warm-up' : 'level'}
            options={[
              { value: 'level', label: 'Level from the first step' },
              { value: 'warm-up', label: '(1 + t) / (10 + t) at first' },
            ]}
            onChange={(decay) => change({ emaWarmup: decay === 'warm-up' })}
          />
        )}
      </div>
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <NumberField
          label="Warm-up steps"
          value={warmupOf(distil)}
          range={warmupBounds(distil.steps)}
          onChange={(warmupSteps) => change({ warmupSteps })}
        />
        <NumberField
          label="Accumulation"
          value={distil.accumulation}
          range={DISTIL_BOUNDS.accumulation}
          onChange={(accumulation) => change({ accumulation })}
        />
        <NumberField
          label="Batches (0: new)"
          value={distil.distinctBatches ?? 0}
          range={orNone(DISTIL_BOUNDS.distinctBatches)}
          onChange={(batches) => change({ distinctBatches: batches === 0 ? null : batches })}
        />
        <NumberField
          label="Weight decay"
          value={distil.weightDecay}
          range={DISTIL_BOUNDS.weightDecay}
          onChange={(weightDecay) => change({ weightDecay })}
        />
        <NumberField
          label="Clip norm (0: none)"
          value={distil.clipNorm ?? 0}
          range={orNone(DISTIL_BOUNDS.clipNorm)}
          onChange={(norm) => change({ clipNorm: norm === 0 ? null : norm })}
        />
        <NumberField
          label="EMA decay (0: none)"
          value={distil.ema ?? 0}
          range={DISTIL_BOUNDS.ema}
          onChange={(ema) => change({ ema: ema === 0 ? null : ema })}
        />
        <NumberField
          label="Adam β₁"
          value={distil.beta1}
          range={DISTIL_BOUNDS.beta1}
          onChange={(beta1) => change({ beta1 })}
        />
        <NumberField
          label="Adam β₂"
          value={distil.beta2}
          range={DISTIL_BOUNDS.beta2}
          onChange={(beta2) => change({ beta2 })}
        />
        <NumberField
          label="Held-out samples"
          value={distil.heldOutSamples}
          range={DISTIL_BOUNDS.heldOutSamples}
          onChange={(heldOutSamples) => change({ heldOutSamples })}
        />
        <NumberField
          label="Held-out every"
          value={distil.heldOutEvery}
          range={DISTIL_BOUNDS.heldOutEvery}
          onChange={(heldOutEvery) => change({ heldOutEvery })}
        />
        <NumberField
          label="Checkpoint every"
          value={distil.checkpointEvery}
          range={DISTIL_BOUNDS.checkpointEvery}
          onChange={(checkpointEvery) => change({ checkpointEvery })}
        />
        <NumberField
          label="State cache, GiB"
          value={Math.round(form.cacheBytes / GIBIBYTE)}
          range={CACHE_GIBIBYTES}
          onChange={(gigabytes) => onChange({ ...form, cacheBytes: gigabytes * GIBIBYTE })}
        />
      </div>
    </>
  );
}

function FineTuneFields({ form, onChange }: { form: DistilForm; onChange: (form: DistilForm) => void }) {
  const { fineTune } = form;
  return (
    <div className="mt-2 grid grid-cols-2 items-end gap-3 sm:grid-cols-4">
      <NumberField
        label="Fine-tune steps"
        value={fineTune.steps}
        range={FINE_TUNE_BOUNDS.steps}
        onChange={(steps) => onChange(withFineTune(form, { steps }))}
      />
      <NumberField
        label="Fine-tune batch"
        value={fineTune.batch}
        range={FINE_TUNE_BOUNDS.batch}
        onChange={(batch) => onChange(withFineTune(form, { batch }))}
      />
      <NumberField
        label="Fine-tune rate"
        value={fineTune.learningRate}
        range={FINE_TUNE_BOUNDS.learningRate}
        onChange={(learningRate) => onChange(withFineTune(form, { learningRate }))}
      />
      <Choice
        name="Weights to fine-tune"
        value={fineTune.train}
        onChange={(train) => onChange(withFineTune(form, { train }))}
        options={[
          { value: 'all', label: 'All' },
          { value: 'students', label: 'Students' },
        ]}
      />
    </div>
  );
}

function RunName({ name, onChange }: { name: string; onChange: (name: string) => void }) {
  const id = useId();
  const { field, note } = useLimitedText({ label: 'Name', value: name, most: MAX_RUN_NAME, onChange });
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-xs text-muted">
        Name
      </label>
      <input
        id={id}
        {...field}
        autoComplete="off"
        placeholder="After the model and its blocks"
        className="h-7 w-full rounded-md border border-line bg-panel px-2 text-xs placeholder:text-muted aria-invalid:border-danger"
      />
      {note}
    </div>
  );
}

function Group({ title, help, children }: { title: string; help: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title} className="space-y-1.5">
      <h3 className="flex items-center gap-2 text-xs font-medium">
        {title}
        {help}
      </h3>
      {children}
    </section>
  );
}

interface UploadProps {
  model: ServerModel;
  onUploaded: (id: string) => void;
}

function CalibrationUpload({ model, onUploaded }: UploadProps) {
  const [sending, setSending] = useState<string | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const send = async (file: File) => {
    setSending(file.name);
    setRefused(null);
    try {
      onUploaded(await uploadCalibration(model.id, file));
    } catch (thrown) {
      setRefused(asContiguaError(thrown).message);
    } finally {
      setSending(null);
    }
  };
  return (
    <div className="text-xs">
      <FileButton
        name="Calibration file for the server"
        testId="upload-input"
        accept=".safetensors"
        small
        disabled={sending !== null}
        onPick={([file]) => void send(file)}
      >
        {sending ? `Sending ${sending}…` : 'Send a file to the server'}
      </FileButton>
      {refused ? (
        <p role="alert" className="mt-1 break-words text-danger">
          {refused}
        </p>
      ) : null}
    </div>
  );
}

function dataWords({ data, file }: DistilForm): ReactNode {
  if (data === 'shapes') return 'Fresh pictures, captions, noise and timesteps for every step.';
  if (data === 'file' && file === null) return 'The server has no calibration file for this model yet.';
  if (data === 'file') return "The file's samples, reshuffled each epoch; some are held out.";
  return (
    <strong className="font-medium text-accent">
      SYNTHETIC inputs: seeded noise, not what the model sees in use. Good for a trial run, not for a usable student.
    </strong>
  );
}

const DataHelp = () => (
  <Help about="the training data">
    <p>
      A student learns on the inputs that the teacher is run on. They have to be what the model sees in use; noise alone
      teaches little.
    </p>
    <p>The list shows the calibration files in the model’s folder on the server.</p>
  </Help>
);
const LossHelp = () => (
  <Help about="the loss">
    <p>
      The student's state after the interval is compared with the teacher's, token by token and per stream.{' '}
      <em>Direction</em> is the paper's loss: where states point. It leaves their length free, which the{' '}
      <em>magnitude</em> term holds.
    </p>
    <p>The official code takes absolute differences (L1); mean squared error is the plain reference.</p>
  </Help>
);
const FineTuneHelp = () => (
  <Help about="the joint fine-tune">
    <p>
      The paper's last stage: the whole student model, with all students, linear maps and shared modulations in, is
      trained against the teacher's output. What was trained alone stays and can still be plugged in one by one.
    </p>
  </Help>
);
