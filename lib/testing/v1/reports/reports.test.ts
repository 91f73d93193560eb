/** Reports that version 1 wrote open and mean the same: every number, and every choice that is made from them. */
import { describe, expect, it } from 'vitest';
import { parseReport } from '../../../core/report/index.ts';
import { jsonOf, textOf } from '../read-fixture.ts';
import { REPORTS, reportFacts } from './reading.ts';

type Facts = Readonly<Record<string, ReturnType<typeof reportFacts>>>;
const facts = jsonOf<Facts>('reports/facts.json.gz');
const SAMPLE = 'sha256:8f93af2a728eb8cf41415a8805ae743b14c6ad6459473042e43d2988f7ad6a5c';

describe('a report of version 1', () => {
  it.each(REPORTS)('opens and means the same: %s', (name) => {
    const read: unknown = JSON.parse(JSON.stringify(reportFacts(textOf(`reports/${name}`), name)));
    expect(read).toEqual(facts[name]);
  });

  it('is of the model that it was measured on', () => {
    const models = REPORTS.map((name) => facts[name]?.model);
    expect(models.map((model) => [model?.name, model?.numBlocks, model?.family])).toEqual([
      ['shapes-mmdit', 16, 'qwen-image'],
      ['shapes-mmdit', 16, 'qwen-image'],
      ['shapes-tiny', 6, 'qwen-image'],
      ['shapes-tiny', 6, 'qwen-image'],
      ['text-unread', 3, 'qwen-image'],
      ['sixty-blocks', 60, 'qwen-image'],
    ]);
    expect(models[0]?.fingerprint).toBe(SAMPLE);
    expect(models[1]?.fingerprint).toBe(SAMPLE);
  });

  it('says what it was measured on', () => {
    expect(facts['sample.json.gz']?.calibration).toEqual({
      kind: 'shapes',
      label: '12 captioned pictures at 4 noise levels',
      seed: 1,
      samples: 12,
      timesteps: [0.125, 0.375, 0.625, 0.875],
      tokens: { image: 768, text: 116 },
      fitTokens: { image: 576, text: 93 },
      heldOutTokens: { image: 192, text: 23 },
    });
    expect(facts['calibration-file.json']?.calibration).toMatchObject({ kind: 'file', seed: null, samples: 12 });
    expect(facts['synthetic.json']?.calibration).toMatchObject({ kind: 'synthetic', seed: 5, samples: 6 });
  });

  it('has no probe where a block leaves a stream as it is, and none for the text of the sample’s last block', () => {
    const lastText = (name: (typeof REPORTS)[number]) => facts[name]?.streams.text?.probeR2.at(-1);
    expect(REPORTS.map(lastText)).toEqual([
      null,
      null,
      expect.any(Number),
      expect.any(Number),
      null,
      expect.any(Number),
    ]);
  });

  it('may say that a pruned model overflows', () => {
    const report = JSON.parse(textOf('reports/text-unread.json'));
    report.damage[0].removedError = null;
    report.damage[0].probedError = null;
    const { damage } = reportFacts(JSON.stringify(report), 'report.json');
    expect(damage[0]).toMatchObject({ first: 0, last: 2, removedError: null, probedError: null });
  });

  it('says now which streams its blocks updated, read off its probes', () => {
    const updates = REPORTS.map((name) => {
      const { model } = parseReport(textOf(`reports/${name}`), name);
      expect(model.streams.map(({ id }) => id)).toEqual(['image', 'text']);
      expect(model.blocks.slice(0, -1).every((block) => block.updates.join() === 'image,text')).toBe(true);
      return model.blocks.at(-1)?.updates.join();
    });
    // The text of the last block counted as updated wherever its weights did so.
    expect(updates).toEqual(['image', 'image', 'image,text', 'image,text', 'image', 'image,text']);
  });
});
