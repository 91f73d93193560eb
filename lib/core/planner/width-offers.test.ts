import { describe, expect, it } from 'vitest';
import { ffnEdit, textStreamEdit } from '../edit/index.ts';
import { FLUX_GOLDENS } from '../model/flux/goldens.ts';
import { goldenCase } from '../model/index.ts';
import type { WidthDamage } from '../report/index.ts';
import { exampleModel } from './planner-fixtures.ts';
import { modulationOffers, whyNoOffers, widthOffers } from './width-offers.ts';

const qwen = exampleModel(4);
const flux = { config: goldenCase(FLUX_GOLDENS[0]!).config.raw };
/** Single-stream blocks alone. */
const singles = { config: { ...flux.config, num_layers: 0 } };
const measured = (edit: WidthDamage['edit'], outputError: number | null): WidthDamage => ({
  edit,
  outputError,
  bounds: outputError === null ? null : { low: outputError / 2, high: 2 * outputError },
  bands: [],
  fitError: 0.1,
  fitBounds: null,
  changeError: 0.5,
});

const bands = ([0.1, 0.9] as const).map((t, i) => ({
  id: i === 0 ? ('late' as const) : ('early' as const),
  label: `${t}`,
  timesteps: [t],
  heldOutSamples: 1,
}));
const UNMEASURED = { bands };

describe('offers of a report', () => {
  it('are weighted to early timesteps besides, where they were measured by noise band', () => {
    const width = [{ ...measured(textStreamEdit({ first: 1, last: 2 }), 0.02), bands: [0.04, 0.02] }];
    expect(widthOffers({ width, bands })[0]?.earlyError).toBeCloseTo(Math.sqrt(0.1 * 0.04 ** 2 + 0.9 * 0.02 ** 2), 12);
  });

  it('are its measured text groups and feed-forward layers, without those whose output overflows', () => {
    const width = [measured(textStreamEdit({ first: 1, last: 2 }), 0.02), measured(ffnEdit(0, 'image'), null)];
    const bounds = { low: 0.01, high: 0.04 };
    expect(widthOffers({ width, bands })).toEqual([
      { edit: textStreamEdit({ first: 1, last: 2 }), outputError: 0.02, earlyError: null, bounds },
    ]);
    expect(widthOffers(UNMEASURED)).toEqual([]);
    expect(whyNoOffers('text', { width, bands }, qwen)).toBeNull();
    expect(whyNoOffers('ffn', { width, bands }, qwen)).toEqual({
      found: 'feed-forward layers with each of which the output overflows (1 measured)',
      hint: null,
    });
  });

  it('are explained where there are none: by the command that measures them, or by the structure of the model', () => {
    expect(whyNoOffers('text', UNMEASURED, qwen)).toEqual({
      found: 'a report that did not measure text groups',
      hint: '`contigua analyse MODEL --width text-all` measures them.',
    });
    expect(whyNoOffers('ffn', UNMEASURED, qwen)?.hint).toContain('--width ffn');
    expect(whyNoOffers('modulation', UNMEASURED, qwen)).toBeNull();
    expect(whyNoOffers('ffn', UNMEASURED, flux)?.hint).toContain('--width ffn');
    for (const kind of ['text', 'ffn', 'modulation'] as const) {
      const why = whyNoOffers(kind, UNMEASURED, singles);
      expect(why?.found, kind).toMatch(/\w{3} \w/);
      expect(why?.hint).toBeNull();
    }
  });
});

describe('offers of shared modulations', () => {
  it('are in proportion to the error of the modulations, with their bounds, below the width', () => {
    const errors = [1, 0.5, 0.25, 0.2, 0.1, 0.05, 0.04];
    const bounds = { low: 0.01, high: 0.04 };
    const offers = modulationOffers({ width: 6, errors, rank: 4, outputError: 0.02, earlyError: 0.01, bounds });
    expect(offers.map(({ edit }) => edit.on === 'modulation' && edit.by)).toEqual(
      [1, 2, 3, 4].map((rank) => ({ rank })),
    );
    expect(offers.at(-1)).toMatchObject({ outputError: 0.02, bounds });
    expect(offers[0]?.outputError).toBeCloseTo(0.1, 12);
    expect(offers[0]?.earlyError).toBeCloseTo(0.05, 12);
    expect(offers[0]?.bounds?.high).toBeCloseTo(0.2, 12);
  });

  it('hold chosen ranks above those that were looked at, which leave as much as the last of them', () => {
    const errors = Array.from({ length: 129 }, (_, rank) => 1 / (1 + rank));
    const offers = modulationOffers({ width: 3072, errors, rank: 4, outputError: 0.1, bounds: null }, [10, 200]);
    const offered = offers.map(({ edit }) => (edit.on === 'modulation' && 'rank' in edit.by ? edit.by.rank : null));
    expect(offered).toEqual([1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64, 200]);
    expect(offers.at(-1)?.outputError).toBeCloseTo((0.1 * 5) / 129, 12);
  });
});
