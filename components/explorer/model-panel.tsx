'use client';
/** What the model is, and how to look at another one. Its files are read in place and never leave the machine. */
import { lazy } from 'react';
import { useStore } from 'zustand';
import { Fact } from '@/components/ui/fact';
import { FileButton } from '@/components/ui/file-button';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { FORMAT_NAMES, WEIGHT_EXTENSIONS } from '@/lib/core/checkpoint/weight-formats.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { FAMILY_NAMES } from '@/lib/core/model/config-index.ts';
import { bytesWords, countWords } from '@/lib/page/browser/number-words.ts';
import { pickedFolder, pickedFromFile } from '@/lib/page/browser/picked-files.ts';
import { tokensWords } from '@/lib/page/browser/stream-words.ts';
import { busyStore, isAnalysing } from '@/lib/page/explorer/compute.ts';
import { SAMPLES, sampleOf, sampleSource } from '@/lib/page/explorer/samples.ts';
import { switchModel } from '@/lib/page/explorer/start-and-switch.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';
import { useModel } from './use-model';
import { WhatOpens } from './what-opens';

/** No sample's name: the open model is somebody's own. */
const OWN = '';
const FAMILY_LABELS = FAMILY_NAMES.map(({ label }) => label).join(', ');
const FORMATS = FORMAT_NAMES.map(({ label }) => label).join(' or ');
/** Families that can be opened and have no sample. */
const WITHOUT_SAMPLE = FAMILY_NAMES.filter(({ name }) => SAMPLES.every(({ family }) => family !== name));

const ModelHelp = lazy(async () => ({ default: (await import('./help-texts')).ModelHelp }));

export function ModelPanel() {
  const { opening, source, summary } = useModel((state) => state);
  const analysing = useStore(busyStore, isAnalysing);
  const sample = sampleOf(source);
  return (
    <Panel
      title="Model"
      help={
        <Help about="the model">
          <ModelHelp summary={summary} />
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
        {summary?.trace ? (
          <Fact
            name="Trace"
            value={tokensWords(summary.trace.rows, summary.streams)}
            title={`${summary.trace.label}. ${lacksWeights(summary)}`}
          />
        ) : null}
        {summary?.configAlone ? (
          <Fact name="Weights" value="none here" title={lacksWeights(summary) ?? undefined} />
        ) : (
          <>
            <Fact name={summary?.trace ? 'States as' : 'Stored as'} value={summary?.dtypes.join(', ')} />
            <Fact
              name="File size"
              value={
                summary && `${bytesWords(summary.sizeBytes)}${summary.files > 1 ? ` in ${summary.files} files` : ''}`
              }
            />
          </>
        )}
        <Fact
          name="Fingerprint"
          value={summary && `${summary.fingerprint.slice(0, 19)}…`}
          title={summary?.fingerprint}
        />
      </dl>
      <div className="mt-2 space-y-2">
        <div className="grid grid-cols-2 gap-2">
          <FileButton
            name="Model folder"
            testId="folder-input"
            folder
            disabled={opening !== null || analysing}
            title={`A diffusers transformer folder (${FAMILY_LABELS}): config.json and its weights, read in place`}
            onPick={(picked) => {
              const { name, files } = pickedFolder(picked);
              void switchModel({ kind: 'files', name, files });
            }}
          >
            Open folder
          </FileButton>
          <FileButton
            name="Model file"
            testId="file-input"
            accept={WEIGHT_EXTENSIONS.join(',')}
            disabled={opening !== null || analysing}
            title={`One file of a whole transformer (${FAMILY_LABELS}): ${FORMATS}; or a trace of one. Read in place`}
            onPick={([file]) => {
              const { name, files } = pickedFromFile(file);
              void switchModel({ kind: 'files', name, files });
            }}
          >
            Open file
          </FileButton>
        </div>
        <Select
          label="Sample"
          value={sample?.name ?? OWN}
          disabled={opening !== null || analysing}
          options={[
            ...(sample ? [] : [{ value: OWN, label: 'none', disabled: true }]),
            ...SAMPLES.map(({ name, family }) => ({ value: name, label: labelOf(family) ?? name })),
            ...WITHOUT_SAMPLE.map(({ name, label }) => ({
              value: `no sample of ${name}`,
              label: `${label}: open your own`,
              disabled: true,
            })),
          ]}
          onChange={(chosen) => {
            const next = SAMPLES.find(({ name }) => name === chosen);
            if (next) void switchModel(sampleSource(next));
          }}
        />
      </div>
      <div className="mt-2 text-2xs text-muted">
        Or drop a folder, a file, a trace, a plan or a calibration anywhere. <WhatOpens />
      </div>
    </Panel>
  );
}

const labelOf = (family: string) => FAMILY_NAMES.find(({ name }) => name === family)?.label;

/** "16", or "24 = 8 dual + 16 single" where there are several stacks. */
function blocksOf({ numBlocks, stacks }: ModelSummary): string {
  if (stacks.length === 1) return String(numBlocks);
  const parts = stacks.map(({ first, last, id }) => `${last - first + 1} ${id}`);
  return `${numBlocks} = ${parts.join(' + ')}`;
}
