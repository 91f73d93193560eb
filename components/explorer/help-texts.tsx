'use client';
/** What the "?" of each panel says. Loaded when the first one is opened: no part of the first load. */
import { type DamageScore, DEFAULT_DAMAGE_SCORE, qualitySentences, scoreNamed } from '@/lib/core/detection/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import type { BlockTrait } from '@/lib/core/model/config-index.ts';
import { COUNTED_PICTURES, DRAWING } from '@/lib/core/shapes/index.ts';
import { streamList } from '@/lib/page/browser/stream-words.ts';

const DEFAULT_LABEL = scoreNamed(DEFAULT_DAMAGE_SCORE).label;

export const ModelHelp = ({ summary }: { summary: ModelSummary | null }) => (
  <>
    <p>
      A diffusion transformer is a stack of <em>blocks</em>. They read and update <em>streams</em> of tokens
      {summary ? `, in this model ${streamList(summary.streams)}` : ''}.
    </p>
    <p>
      The bundled samples are small and trained, so their redundancy is real. Your own model is read in place, block by
      block, and is never uploaded.
    </p>
  </>
);

export const PreviewHelp = () => (
  <>
    <p>
      Both pictures start from the same noise and follow the same prompt. Left: the whole model. Right: the model with
      the chosen intervals shortened, their later blocks replaced by linear probes or just left out: all of them by the
      switch above, one by one in the table of intervals.
    </p>
    <p>
      A checker reads shapes, colours, sizes, places and the background from the pixels and says which facts of the
      prompt hold. Pruned models are drawn before any distillation, so they show the worst case.
    </p>
  </>
);

export const IntervalHelp = ({ score, least }: { score: DamageScore; least: ReturnType<typeof scoreNamed> }) => (
  <>
    <p>
      An interval [u, v] counts both ends. Its first block stays and stands for all of it; the other v − u blocks go:
      just <em>removed</em>, or replaced by their linear <em>probes</em>.
    </p>
    <p>
      <em>Surrogate CKA</em>: how alike the true and the probe-replaced states are after its last block. (The map shows{' '}
      <em>state CKA</em>, which compares the true states of two blocks.) The column beside it is the score that you rank
      by, or the error of the model's output when the blocks are taken out. Detection proposes nearly the whole depth,
      so the ranking decides. {qualitySentences(score).join(' ')}
    </p>
    <p>
      <em>Found in</em>: the share of 200 resamples of the held-out prompts in which the rule finds the very same
      interval. Of an interval that half of them miss, the data do not say where it ends. Runs that you drew are seldom
      found.
    </p>
    <p>
      <em>Minimise {least.heading ?? least.label}</em> takes as many blocks out, by those of all intervals, detected or
      not, whose {least.label} is least in total; other scores may rise. On the sample model that keeps more of the
      drawn facts at half the depth than the detected intervals do. Ranking needs {DEFAULT_LABEL} of every short
      interval; the page measures it on quick models by itself.
    </p>
  </>
);

export const CkaHelp = () => (
  <>
    <p>
      <em>State CKA</em>, centered kernel alignment, compares what two blocks leave behind, on the same tokens: 1 means
      the same up to rotation and scale, 0 means unrelated. A bright square on the diagonal is a run of blocks that
      change little.
    </p>
    <p>
      The <em>debiased</em> estimator is the honest one: the biased one is inflated when features outnumber samples.
      Drag along the diagonal to choose a run.
    </p>
  </>
);

export const TrajectoriesHelp = () => (
  <>
    <p>
      From a start block <i>u</i> on, every block is replaced by its linear probe. <i>Surrogate CKA(u, k)</i> says how
      alike the true and the replaced states still are after block <i>k</i>; <i>Δ(u, k)</i> is what each further block
      costs.
    </p>
    <p>
      While Δ keeps falling the blocks belong together. The first rise is a break: the run ends one block before it, and
      the next run starts there. The ring marks the difference that decides, the thin ring the one that it is above;
      differences behind it, drawn faint, do not count for this run.
    </p>
    <p>
      <em>Run</em> gives the differences of a run the whole height; <em>All</em> shows those of every start on one
      symmetric logarithm.
    </p>
  </>
);

export const NoiseHelp = () => (
  <>
    <p>
      A diffusion model runs at many timesteps. <em>Early</em> ones are nearly all noise and settle the layout;{' '}
      <em>late</em> ones finish details. A block may matter at one and not at another.
    </p>
    <p>
      A cell is the <em>output error without the block</em>, where it was measured for every block; otherwise the{' '}
      <em>held-out error of the block’s linear probe</em>, as a share of what the block does: 0 means that a linear map
      can stand in for it, 1 that the map is no better than leaving the block out.
    </p>
    <p>
      A level shows the probes, similarities, trajectories, detected intervals and errors of its timesteps alone. What
      you chose stays, and so does the order in which the slider takes intervals: that of all timesteps.
    </p>
  </>
);

export const StripHelp = ({ traits }: { traits: readonly BlockTrait[] }) => (
  <>
    <p>
      One cell per block. The bars are the held-out R² of a <em>linear probe</em>: how much of what the block does to a
      stream a plain linear map can do instead. 1 is all of it, 0 or less is nothing; hatched means that the block does
      not update that stream.
    </p>
    {traits.length > 0 ? (
      <p>Lines under the cells mark blocks that differ from the others. {traits.map(({ about }) => about).join(' ')}</p>
    ) : null}
    <p>
      Brackets are detected intervals: runs of blocks that the detection rule finds redundant together. Filled runs are
      your choice. Of a chosen run the first block stays; the others go. The fainter a bracket, the fewer resamples of
      the held-out prompts find it: the share is on hover and in the table of intervals.
    </p>
    <p>
      Below the cells, where the model allows it: <em>groups</em> of blocks whose text is updated once, by the first of
      them, and a switch for the feed-forward layers (FFN) of each block and stream, which a linear map replaces. Dashed
      brackets propose groups from the text stream.
    </p>
    <p>
      Click a bracket, drag over cells, or use the keyboard: arrows move, Shift extends, Enter chooses, Delete clears.
    </p>
    <p>
      For plans under a budget, blocks can be <em>locked</em> (a bar under the cell: the block stays with all of its
      weights, though an interval may begin at it) or <em>forbidden</em> (hatched: no interval has the block). Choose
      Lock or Forbid above the strip and click or drag, or press L or F on a block.
    </p>
  </>
);

export const PlanHelp = ({ summary }: { summary: ModelSummary | null }) => (
  <>
    <p>
      Before → after, for the whole transformer. Of every chosen interval the first block stays. Parameters, file size
      and operations are computed from the config; the forward time is measured on the engine in use.
    </p>
    <p>
      <em>Output error</em> and <em>facts held</em> are of the whole choice, all of its edits together. Until the error
      is measured, an estimate stands there: from what each edit costs alone, added in squares. Facts are counted: of{' '}
      {COUNTED_PICTURES.pictures} captions that training never saw, drawn with the same noise each time, how many
      statements the checker finds in the pictures.
    </p>
    <p>
      FLOPs per image count {DRAWING.steps} steps at {summary?.picture ?? 'the model’s nominal size'}, with{' '}
      {summary?.embedsGuidance
        ? 'one forward each, since the model takes the guidance scale as an input'
        : 'guidance, so two forwards each'}
      : matrix products and attention, a multiply-add as two.
    </p>
  </>
);

export const CalibrationHelp = () => (
  <>
    <p>
      Redundancy shows only on inputs the model was made for. The calibration set is a batch of real forward inputs:
      noisy pictures at several timesteps, with their captions.
    </p>
    <p>
      Every token is one sample row. A quarter of the samples is held out: probes are judged on rows they were not
      fitted on. Padded tokens never count.
    </p>
  </>
);
