import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { type NamedTensors, RecordedFunction, type Recorder, recorder } from './recording.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Records nothing: it computes what it was first asked for, and tells what is asked of it. */
function watchedRecorder() {
  const told: string[] = [];
  const fake: Recorder = {
    record(inputs, compute) {
      const name = `${inputs.map(({ shape }) => `[${shape.join()}]`).join(' ')}`;
      told.push(`record ${name}`);
      tf.dispose([...compute()]);
      return {
        run: (given) => {
          told.push(`run ${name}`);
          return [tf.add(given[0]!, 1)];
        },
        dispose: () => void told.push(`dispose ${name}`),
      };
    },
  };
  return { told, fake };
}

const named = (...tensors: tf.Tensor[]): NamedTensors => new Map(tensors.map((tensor, i) => [`x${i}`, tensor]));

test('a function is recorded once for inputs of the same names and shapes, and gives what the recording gives', () => {
  const { told, fake } = watchedRecorder();
  const recorded = new RecordedFunction(fake);
  const x = tf.tensor1d([1, 2]);
  const outputs = [x, tf.tensor1d([5, 6]), tf.tensor1d([7])].map((given) => {
    const [output] = recorded.run(named(given), () => [tf.add(given, 1)]);
    return [...output!.dataSync()];
  });
  recorded.run(new Map([['y', x]]), () => [tf.add(x, 1)]);
  expect(outputs).toEqual([[2, 3], [6, 7], [8]]);
  const again = ['record [2]', 'run [2]'];
  expect(told).toEqual([...again, 'run [2]', 'record [1]', 'run [1]', ...again]);
});

test('inputs that share their values are recorded apart from inputs that do not', () => {
  const { told, fake } = watchedRecorder();
  const recorded = new RecordedFunction(fake);
  const [x, y] = [tf.tensor1d([1]), tf.tensor1d([1])];
  const compute = () => [tf.clone(x)];
  recorded.run(named(x, y), compute);
  recorded.run(named(x, tf.clone(x)), compute);
  recorded.run(named(y, x), compute);
  expect(told.filter((line) => line.startsWith('record'))).toHaveLength(2);
});

test('of many kinds of inputs those used last are kept', () => {
  const { told, fake } = watchedRecorder();
  const recorded = new RecordedFunction(fake);
  const ofLength = (length: number) => recorded.run(named(tf.zeros([length])), () => [tf.scalar(0)]);
  for (let length = 1; length <= 8; length++) ofLength(length);
  ofLength(1);
  ofLength(9);
  expect(told.filter((line) => line.startsWith('dispose'))).toEqual(['dispose [2]']);
  recorded.dispose();
  expect(told.filter((line) => line.startsWith('dispose'))).toHaveLength(9);
});

test('an engine that was not offered records nothing', () => {
  expect(recorder()).toBeNull();
});
