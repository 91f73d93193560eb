'use client';
/** What the model is, and how to look at another one. Its files are read in place and never leave the machine. */
import { useEffect, useRef } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { Fact } from '@/components/ui/fact';
import { Help } from '@/components/ui/help';
import { FolderIcon } from '@/components/ui/icons';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import type { ModelSummary } from '@/lib/compute/protocol.ts';
import { FAMILIES } from '@/lib/core/model/config-index.ts';
import { bytesWords, countWords } from '@/lib/page/browser/number-words.ts';
import { pickedFromFile, pickedFromInput } from '@/lib/page/browser/picked-files.ts';
import { streamList } from '@/lib/page/browser/stream-words.ts';
import { busyStore } from '@/lib/page/explorer/compute.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { SAMPLES, sampleOf, sampleSource } from '@/lib/page/explorer/samples.ts';
import { switchModel } from '@/lib/page/explorer/start-and-switch.ts';

/** No sample's name: the open model is somebody's own. */
const OWN = '';
const FAMILY_NAMES = FAMILIES.map(({ label }) => label).join(', ');

export function ModelPanel() {
  const { opening, source, summary } = useStore(modelStore);
  const analysing = useStore(busyStore, ({ tasks }) => tasks.includes('analyse'));
  const picker = useRef<HTMLInputElement>(null);
  const filePicker = useRef<HTMLInputElement>(null);
  // React knows no type for this attribute.
  useEffect(() => picker.current?.setAttribute('webkitdirectory', ''), []);
  const sample = sampleOf(source);
  return (
    <Panel
      title="Model"
      help={
        <Help about="the model">
          <p>
            A diffusion transformer is a stack of <em>blocks</em>. They read and update <em>streams</em> of tokens
            {summary ? `, in this model ${streamList(summary.streams)}` : ''}.
          </p>
          <p>
            The bundled samples are small and trained, so their redundancy is real. Your own model can be a diffusers
            <code> transformer</code> folder of these families: {FAMILY_NAMES}; or one file as ComfyUI uses it, in
            safetensors (BF16, F16, F32, 8-bit floats with or without scales) or GGUF (Q8_0, Q6_K, Q5_K, Q4_K, Q4_0). It
            is read in place, block by block, and is never uploaded.
          </p>
        </Help>
      }
    >
      <p className="mb-1 flex h-5 items-center gap-2 truncate font-medium" title={summary?.name}>
        {opening ? `Opening ${opening}…` : (summary?.name ?? 'No model open')}
      </p>
      <dl className="text-xs">
        <Fact name="Family" value={summary?.family} title={summary?.className} />
        <Fact name="Blocks" value={summary && blocksOf(summary)} title={summary ? blocksOf(summary) : undefined} />
        <Fact
          name="Width"
          value={summary && `${summary.width} = ${summary.numHeads} heads × ${summary.headDim}`}
          title="Features per token = attention heads × features per head"
        />
        <Fact
          name="Parameters"
          value={summary && countWords(summary.parameters)}
          title={summary ? `${summary.parameters.toLocaleString('en-US')} parameters` : undefined}
        />
        <Fact name="Stored as" value={summary?.dtypes.join(', ')} />
        <Fact
          name="File size"
          value={summary && `${bytesWords(summary.sizeBytes)}${summary.files > 1 ? ` in ${summary.files} files` : ''}`}
        />
        <Fact
          name="Fingerprint"
          value={summary && `${summary.fingerprint.slice(0, 19)}…`}
          title={summary?.fingerprint}
        />
      </dl>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        data-testid="folder-input"
        aria-label="Model folder"
        onChange={(event) => {
          const folder = event.target.files && pickedFromInput(event.target.files);
          event.target.value = '';
          if (folder) void switchModel({ kind: 'files', name: folder.name, files: folder.files });
        }}
      />
      <input
        ref={filePicker}
        type="file"
        accept=".safetensors,.gguf"
        hidden
        data-testid="file-input"
        aria-label="Model file"
        onChange={(event) => {
          const file = event.target.files?.[0];
          const model = file && pickedFromFile(file);
          event.target.value = '';
          if (model) void switchModel({ kind: 'files', name: model.name, files: model.files });
        }}
      />
      <div className="mt-2 space-y-2">
        <div className="grid grid-cols-2 gap-2">
          <Button
            disabled={opening !== null || analysing}
            title="A diffusers transformer folder: config.json and its weights, read in place"
            onClick={() => picker.current?.click()}
          >
            <FolderIcon />
            Open folder
          </Button>
          <Button
            disabled={opening !== null || analysing}
            title="One file of a whole transformer: safetensors or GGUF, read in place"
            onClick={() => filePicker.current?.click()}
          >
            Open file
          </Button>
        </div>
        <Select
          label="Sample"
          value={sample?.name ?? OWN}
          disabled={opening !== null || analysing}
          options={[
            ...(sample ? [] : [{ value: OWN, label: 'none', disabled: true }]),
            ...SAMPLES.map(({ name, family }) => ({ value: name, label: family })),
          ]}
          onChange={(chosen) => {
            const next = SAMPLES.find(({ name }) => name === chosen);
            if (next) void switchModel(sampleSource(next));
          }}
        />
      </div>
      <p className="mt-2 text-2xs text-muted">Or drop a folder, a file, a plan or a calibration anywhere.</p>
    </Panel>
  );
}

/** "16", or "24 = 8 dual + 16 single" where there are several stacks. */
function blocksOf({ numBlocks, stacks }: ModelSummary): string {
  if (stacks.length === 1) return String(numBlocks);
  const parts = stacks.map(({ first, last, id }) => `${last - first + 1} ${id}`);
  return `${numBlocks} = ${parts.join(' + ')}`;
}
