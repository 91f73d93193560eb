'use client';
/** The settings of a new run: what most people decide in sight, the rest folded. */
import { type ReactNode, useId, useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { useLimitedText } from '@/components/ui/limited-text';
import { DecimalField, NumberField } from '@/components/ui/number-field';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { asContiguaError } from '@/lib/core/errors.ts';
import { DISTIL_LOSSES, type DistilSettings, STUDENT_STARTS } from '@/lib/core/run/index.ts';
import type { ServerModel } from '@/lib/page/api/run-api.ts';
import { type DistilForm, warmupOf, withDistil, withFineTune } from '@/lib/page/distil-form/distil-form.ts';
import { uploadCalibration } from '@/lib/page/distil-form/upload-calibration.ts';
import { LOSS_WORDS, START_WORDS } from '@/lib/page/run/run-settings.ts';

interface FieldsProps {
  form: DistilForm;
  model: ServerModel;
  onChange: (form: DistilForm) => void;
}

const GIGABYTE = 2 ** 30;

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
                title: 'One that lies beside the model on the server, or one of yours',
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
          min={1}
          max={1_000_000}
          onChange={(steps) => change({ steps })}
        />
        <NumberField label="Batch" value={distil.batch} min={1} max={4_096} onChange={(batch) => change({ batch })} />
        <DecimalField
          label="Learning rate"
          value={distil.learningRate}
          min={0}
          max={1}
          open
          onChange={(learningRate) => change({ learningRate })}
        />
        <NumberField label="Seed" value={distil.seed} min={0} max={999_999} onChange={(seed) => change({ seed })} />
      </div>
      <Group title="Loss" help={<LossHelp />}>
        <div className="grid grid-cols-[minmax(0,1fr)_120px] items-end gap-3">
          <Select
            label="Compare states by"
            value={distil.loss}
            options={DISTIL_LOSSES.map((value) => ({ value, label: LOSS_WORDS[value] }))}
            onChange={(loss) => change({ loss })}
          />
          <DecimalField
            label="Magnitude weight"
            value={distil.magnitudeWeight}
            min={0}
            max={1_000}
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
            {form.fineTuned ? 'After the students, the whole student model.' : 'Off: students as they are trained.'}
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
      </div>
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <NumberField
          label="Warm-up steps"
          value={warmupOf(distil)}
          min={0}
          max={distil.steps}
          onChange={(warmupSteps) => change({ warmupSteps })}
        />
        <NumberField
          label="Accumulation"
          value={distil.accumulation}
          min={1}
          max={1_024}
          onChange={(accumulation) => change({ accumulation })}
        />
        <NumberField
          label="Batches (0: new)"
          value={distil.distinctBatches ?? 0}
          min={0}
          max={1_000_000}
          onChange={(batches) => change({ distinctBatches: batches === 0 ? null : batches })}
        />
        <DecimalField
          label="Weight decay"
          value={distil.weightDecay}
          min={0}
          max={10}
          onChange={(weightDecay) => change({ weightDecay })}
        />
        <DecimalField
          label="Clip norm (0: none)"
          value={distil.clipNorm ?? 0}
          min={0}
          max={1e6}
          onChange={(norm) => change({ clipNorm: norm === 0 ? null : norm })}
        />
        <DecimalField
          label="EMA decay (0: none)"
          value={distil.ema ?? 0}
          min={0}
          max={0.99999}
          onChange={(ema) => change({ ema: ema === 0 ? null : ema })}
        />
        <DecimalField
          label="Adam β₁"
          value={distil.beta1}
          min={0}
          max={0.99999}
          onChange={(beta1) => change({ beta1 })}
        />
        <DecimalField
          label="Adam β₂"
          value={distil.beta2}
          min={0}
          max={0.999999}
          onChange={(beta2) => change({ beta2 })}
        />
        <NumberField
          label="Held-out samples"
          value={distil.heldOutSamples}
          min={1}
          max={4_096}
          onChange={(heldOutSamples) => change({ heldOutSamples })}
        />
        <NumberField
          label="Held-out every"
          value={distil.heldOutEvery}
          min={1}
          max={1_000_000}
          onChange={(heldOutEvery) => change({ heldOutEvery })}
        />
        <NumberField
          label="Checkpoint every"
          value={distil.checkpointEvery}
          min={1}
          max={1_000_000}
          onChange={(checkpointEvery) => change({ checkpointEvery })}
        />
        <NumberField
          label="State cache, GiB"
          value={Math.round(form.cacheBytes / GIGABYTE)}
          min={0}
          max={16_384}
          onChange={(gigabytes) => onChange({ ...form, cacheBytes: gigabytes * GIGABYTE })}
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
        min={1}
        max={1_000_000}
        onChange={(steps) => onChange(withFineTune(form, { steps }))}
      />
      <NumberField
        label="Fine-tune batch"
        value={fineTune.batch}
        min={1}
        max={4_096}
        onChange={(batch) => onChange(withFineTune(form, { batch }))}
      />
      <DecimalField
        label="Fine-tune rate"
        value={fineTune.learningRate}
        min={0}
        max={1}
        open
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

/** As the server takes them. */
const MOST_NAME_CHARACTERS = 200;

function RunName({ name, onChange }: { name: string; onChange: (name: string) => void }) {
  const id = useId();
  const { field, note } = useLimitedText({ label: 'Name', value: name, most: MOST_NAME_CHARACTERS, onChange });
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
  const picker = useRef<HTMLInputElement>(null);
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
      <input
        ref={picker}
        type="file"
        accept=".safetensors"
        hidden
        aria-label="Calibration file for the server"
        data-testid="upload-input"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = '';
          if (file) void send(file);
        }}
      />
      <Button small disabled={sending !== null} onClick={() => picker.current?.click()}>
        {sending ? `Sending ${sending}…` : 'Send a file to the server'}
      </Button>
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
  if (data === 'file' && file === null) return 'There is none on the server yet.';
  if (data === 'file') return "The file's samples, reshuffled each epoch; some are held out.";
  return (
    <strong className="font-medium text-accent">
      SYNTHETIC inputs: seeded noise, not what the model sees in use. Fit for a trial, not for a student to keep.
    </strong>
  );
}

const DataHelp = () => (
  <Help about="the training data">
    <p>
      A student learns on the inputs that the teacher is run on. They have to be what the model sees in use; noise alone
      teaches little.
    </p>
    <p>Calibration files are those that lie beside the model on the server.</p>
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
      The paper's last stage: the whole student model, all students in, is trained against the teacher's output. The
      students as they were trained alone stay and can still be plugged in one by one.
    </p>
  </Help>
);
