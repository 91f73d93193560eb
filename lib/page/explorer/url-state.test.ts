import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from './analysis-limits.ts';
import { DEFAULT_CALIBRATION } from './calibration.ts';
import { DEFAULT_SETTINGS, withKnownStream } from './settings.ts';
import { type LinkState, linkFits, modelDigits, readLink, statedInputs, writeLink } from './url-state.ts';

const plain: LinkState = {
  model: '0123456789ab',
  cut: '',
  settings: DEFAULT_SETTINGS,
  plans: {
    budget: { kind: 'params', value: '60%', dtype: null },
    allow: ['run'],
    locked: '',
    forbidden: '',
    kept: null,
  },
  calibration: DEFAULT_CALIBRATION,
  limits: DEFAULT_LIMITS,
  prompt: null,
  seed: null,
};

describe('a link', () => {
  it('says nothing but the model and its inputs when all is as by default', () => {
    expect(writeLink(plain).toString()).toBe('model=0123456789ab&rows=held-out&rank=linear-early&inputs=shapes-64-8-1');
  });

  it('states no inputs where it was written without, and means the default ones', () => {
    const params = new URLSearchParams('model=0123456789ab');
    expect(statedInputs(params)).toBeNull();
    expect(readLink(params).calibration).toEqual(DEFAULT_CALIBRATION);
    expect(statedInputs(writeLink(plain))).toEqual(DEFAULT_CALIBRATION);
  });

  it('brings back every setting that it was written from', () => {
    const link: LinkState = {
      model: 'abcdef',
      cut: '3-4.7-10r',
      settings: {
        detection: { rows: 'all', estimator: 'biased', start: 'probe-u', target: 'teacher-after-u', streams: 'text' },
        score: 'probe',
        replaceBy: 'probes',
        startBlock: 7,
        colours: 'cividis',
        scale: 'full',
        differences: 'all',
        noise: 'early',
      },
      plans: {
        budget: { kind: 'memory', value: '2.5GB', dtype: 'fp8' },
        allow: ['run', 'modulation'],
        locked: '0-2,9',
        forbidden: '15',
        kept: '3-4',
      },
      calibration: { kind: 'synthetic', samples: 32, timesteps: 4, seed: 9, file: null, fileDigits: null },
      limits: { tokens: 512, damageSamples: 4, damageIntervals: 0, memory: 1.5 },
      prompt: 'a large red circle top left on white',
      seed: 12,
    };
    expect(readLink(new URLSearchParams(writeLink(link).toString()))).toEqual(link);
  });

  it.each(['held-out', 'all'] as const)(
    'says that similarities are over %s tokens, as earlier addresses did not',
    (rows) => {
      const { detection } = plain.settings;
      const link = { ...plain, settings: { ...plain.settings, detection: { ...detection, rows } } };
      expect(writeLink(link).get('rows')).toBe(rows);
      expect(readLink(writeLink(link)).settings.detection.rows).toBe(rows);
    },
  );

  it('of an earlier version means all tokens; one without a model was written by no version', () => {
    const rowsOf = (address: string) => readLink(new URLSearchParams(address)).settings.detection.rows;
    expect(rowsOf('model=0123456789ab&inputs=shapes-64-8-1')).toBe('all');
    expect(rowsOf('model=0123456789ab')).toBe('all');
    expect(rowsOf('cut=3-4')).toBe('held-out');
  });

  it.each(['params', 'weight-12B', 'params-', 'size-2GB@bf17'])(
    'takes the default of a budget that is none: %s',
    (text) => {
      const { budget } = readLink(new URLSearchParams(`budget=${text}`)).plans;
      expect(budget).toEqual(
        text.startsWith('size') ? { kind: 'size', value: '2GB', dtype: null } : plain.plans.budget,
      );
    },
  );

  it('carries every seed that the server and the terminal take, and none beyond', () => {
    const most = 2 ** 32 - 1;
    const link = { ...plain, seed: most, calibration: { ...DEFAULT_CALIBRATION, seed: most } };
    expect(readLink(writeLink(link))).toEqual(link);
    const beyond = readLink(new URLSearchParams(`seed=${most + 1}&inputs=shapes-16-4-${most + 1}`));
    expect(beyond.seed).toBeNull();
    expect(beyond.calibration).toEqual(DEFAULT_CALIBRATION);
  });

  it('names a calibration file by the digits of its content, where they are known', () => {
    const file = { ...DEFAULT_CALIBRATION, kind: 'file', fileDigits: '0123456789abcdef' } as const;
    for (const calibration of [file, { ...file, fileDigits: null }]) {
      const link = writeLink({ ...plain, calibration });
      expect(readLink(new URLSearchParams(link.toString())).calibration).toEqual(calibration);
    }
    expect(writeLink({ ...plain, calibration: file }).get('inputs')).toBe('file-0123456789abcdef');
  });

  it('falls back to defaults for values that it does not know', () => {
    const link = readLink(
      new URLSearchParams('cka=magic&stream=audio&u=-3&inputs=shapes-0x10-8-1&model=nothex!&seed=1.5'),
    );
    // Which streams there are is the model's to say.
    expect(link.settings.detection.streams).toBe('audio');
    const { streams } = withKnownStream(link.settings.detection, [{ id: 'image', label: 'image' }]);
    expect(streams).toBe('mean');
    expect({ ...link, settings: { ...link.settings, detection: DEFAULT_SETTINGS.detection } }).toEqual({
      ...plain,
      model: null,
    });
  });

  it('keeps a stream that the model has', () => {
    const { detection } = readLink(new URLSearchParams('stream=audio')).settings;
    expect(withKnownStream(detection, [{ id: 'audio', label: 'sound' }]).streams).toBe('audio');
  });

  it('knows its model by the leading digits of the fingerprint', () => {
    const fingerprint = `sha256:${'ab'.repeat(32)}`;
    expect(modelDigits(fingerprint)).toBe('abababababab');
    expect(linkFits(modelDigits(fingerprint), fingerprint)).toBe(true);
    expect(linkFits('abababababac', fingerprint)).toBe(false);
    expect(linkFits(null, fingerprint)).toBe(true);
  });
});
