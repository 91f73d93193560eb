/** Families, and how their weights may be stored. All from the lists that open them. */
import { use } from 'react';
import { WEIGHT_FORMATS } from '@/lib/core/checkpoint/index.ts';
import { FAMILIES, originalLayouts } from '@/lib/core/model/config-index.ts';

const LAYOUTS = originalLayouts();

export const WhatOpensList = () => (
  <div className="space-y-3 text-xs">
    <section>
      <h2 className="text-sm font-semibold">Families</h2>
      <ul className="mt-1 space-y-0.5">
        {FAMILIES.map(({ name, label, classNames }) => (
          <li key={name} className="flex flex-wrap justify-between gap-x-3">
            <span>{label}</span>
            <span className="text-muted">{classNames.join(', ')}</span>
          </li>
        ))}
      </ul>
    </section>
    <section>
      <h2 className="text-sm font-semibold">Folder</h2>
      <p className="mt-1 text-muted">
        A diffusers pipeline, or its <code>transformer</code> folder: config.json with one file of weights, or shards
        and their index. A config.json without weights is counted, and edits are chosen by hand.
      </p>
    </section>
    <section>
      <h2 className="text-sm font-semibold">One file</h2>
      <p className="mt-1 text-muted">A whole transformer, its config read from its tensors:</p>
      <ul className="mt-1 list-disc space-y-0.5 pl-4">
        {use(LAYOUTS).map(({ label }) => (
          <li key={label}>{label}</li>
        ))}
      </ul>
    </section>
    <section>
      <h2 className="text-sm font-semibold">Weights</h2>
      <dl className="mt-1 space-y-0.5">
        {WEIGHT_FORMATS.map(({ label, types, note }) => (
          <div key={label} className="flex gap-3">
            <dt className="w-20 shrink-0">{label}</dt>
            <dd className="text-muted">
              {types.join(', ')}
              {note ? `; ${note}` : ''}
            </dd>
          </div>
        ))}
      </dl>
    </section>
    <section>
      <h2 className="text-sm font-semibold">Trace</h2>
      <p className="mt-1 text-muted">
        <code>trace.safetensors</code>: states of a model that ran elsewhere, captured in diffusers or by{' '}
        <code>contigua capture</code>. Everything that needs no weights is measured.
      </p>
    </section>
    <p className="text-muted">Files are read in place, block by block, and are never uploaded.</p>
  </div>
);
