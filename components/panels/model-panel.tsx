'use client';
/** What the model is, and how to look at another one. Its files are read in place and never leave the machine. */
import { useEffect, useRef } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { Fact } from '@/components/ui/fact';
import { Help } from '@/components/ui/help';
import { FolderIcon } from '@/components/ui/icons';
import { Panel } from '@/components/ui/panel';
import { busyStore } from '@/lib/client/compute.ts';
import { modelStore, SAMPLE_NAME, sampleSource } from '@/lib/client/model.ts';
import { bytesWords, countWords } from '@/lib/client/number-words.ts';
import { pickedFromInput } from '@/lib/client/picked-files.ts';
import { switchModel } from '@/lib/client/session.ts';

export function ModelPanel() {
  const { opening, source, summary } = useStore(modelStore);
  const analysing = useStore(busyStore, ({ tasks }) => tasks.includes('analyse'));
  const picker = useRef<HTMLInputElement>(null);
  // React knows no type for this attribute.
  useEffect(() => picker.current?.setAttribute('webkitdirectory', ''), []);
  const isSample = source?.kind === 'url' && source.name === SAMPLE_NAME;
  return (
    <Panel
      title="Model"
      help={
        <Help about="the model">
          <p>
            A diffusion transformer is a stack of <em>blocks</em>. Every block reads and updates two streams of tokens:
            the image being drawn and the text that describes it.
          </p>
          <p>
            The bundled sample is small and trained, so its redundancy is real. Your own model can be a diffusers
            <code> transformer</code> folder of the Qwen-Image family: <code>config.json</code> with safetensors. It is
            read in place, block by block, and never uploaded.
          </p>
        </Help>
      }
    >
      <p className="mb-1 flex h-5 items-center gap-2 truncate font-medium" title={summary?.name}>
        {opening ? `Opening ${opening}…` : (summary?.name ?? 'No model open')}
      </p>
      <dl className="text-xs">
        <Fact name="Family" value={summary?.family} title={summary?.className} />
        <Fact name="Blocks" value={summary?.numBlocks} />
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
      <div className="mt-2 flex gap-2">
        <Button
          className="flex-1"
          disabled={opening !== null || analysing}
          title="A diffusers transformer folder: config.json and safetensors, read in place"
          onClick={() => picker.current?.click()}
        >
          <FolderIcon />
          Open folder
        </Button>
        <Button disabled={opening !== null || analysing || isSample} onClick={() => void switchModel(sampleSource())}>
          Sample
        </Button>
      </div>
      <p className="mt-2 text-2xs text-muted">Or drop a folder, a plan or a calibration file anywhere.</p>
    </Panel>
  );
}
