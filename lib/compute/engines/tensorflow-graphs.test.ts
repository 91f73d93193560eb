import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { recorder } from '../../core/tensor/recording.ts';
import { LOAD_PATIENCE_MS, startTestEngine } from '../../core/tensor/test-engines.ts';
import { findTensorflow } from './tensorflow.ts';
import { runsGraphs, TensorflowGraphs } from './tensorflow-graphs.ts';

interface Binding {
  getNumOfTensors(): number;
  getNumOfSavedModels(): number;
}

const binding = () => (tf.backend() as unknown as { binding: Binding }).binding;
const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('contigua-graph-'));

/** Products, constants of several types, several outputs of one operation, and lists of attributes. */
function layer(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor[] {
  return tf.tidy(() => {
    const [left, right] = tf.split(tf.matMul(x, weight), 2, 1);
    const normed = tf.div(left!, tf.add(tf.sqrt(tf.sum(tf.square(right!), -1, true)), 0.5));
    return [tf.transpose(normed), tf.mean(tf.squeeze(tf.expandDims(normed, 0), [0])), tf.softmax(right!)];
  });
}

describe.skipIf(!findTensorflow())('operations recorded on the engine tensorflow', () => {
  beforeAll(() => startTestEngine('tensorflow'), LOAD_PATIENCE_MS);

  const matrix = (rows: number, columns: number, seed: number) =>
    tf.randomNormal([rows, columns], 0, 1, 'float32', seed) as tf.Tensor2D;

  it('give for other values what they give one by one', () => {
    const weight = matrix(4, 6, 1);
    const first = matrix(5, 4, 2);
    const recording = recorder()!.record([first, weight], () => layer(first, weight));
    for (const seed of [3, 4]) {
      const x = matrix(5, 4, seed);
      const wanted = layer(x, weight);
      const found = recording.run([x, weight]);
      expect(found.map(({ shape }) => shape)).toEqual(wanted.map(({ shape }) => shape));
      for (const [i, tensor] of found.entries()) {
        const expected = wanted[i]!.dataSync();
        for (const [k, value] of tensor.dataSync().entries()) expect(value).toBeCloseTo(expected[k]!, 6);
      }
    }
    recording.dispose();
  });

  it('may give an input back, a constant, and one tensor twice', () => {
    const x = tf.tensor1d([1, 2]);
    const recording = recorder()!.record([x], () => {
      const sum = tf.add(x, x);
      return [tf.clone(x), tf.tensor1d([7]), sum, tf.clone(sum)];
    });
    const found = recording.run([tf.tensor1d([3, 4])]).map((tensor) => [...tensor.dataSync()]);
    expect(found).toEqual([[3, 4], [7], [6, 8], [6, 8]]);
    recording.dispose();
  });

  it('take an input that is given under two names', () => {
    const x = tf.tensor1d([1, 2]);
    const twin = tf.clone(x);
    const recording = recorder()!.record([x, twin], () => [tf.mul(x, twin)]);
    const y = tf.tensor1d([3, 4]);
    expect([...recording.run([y, tf.clone(y)])[0]!.dataSync()]).toEqual([9, 16]);
    recording.dispose();
  });

  it('are refused where they read a tensor that is no input, also one that the library has not seen yet', () => {
    const x = tf.tensor1d([1, 2]);
    for (const other of [tf.add(x, 1), tf.tensor1d([5, 6])]) {
      expect(() => recorder()!.record([x], () => [tf.mul(x, other)])).toThrow(/no input of the recording/);
      // The engine goes on as before.
      expect([...tf.mul(x, other).dataSync()]).toHaveLength(2);
    }
  });

  it('are refused where values are read', () => {
    const x = tf.tensor1d([1, 2]);
    expect(() => recorder()!.record([x], () => [tf.scalar(tf.sum(x).dataSync()[0]!)])).toThrow(/Values cannot be read/);
  });

  it('share one session where they are alike, and leave no tensors, folders or many sessions behind', () => {
    const graphs = new TensorflowGraphs();
    const before = folders();
    const weight = matrix(4, 6, 1);
    const x = matrix(5, 4, 2);
    // The library holds both from now on.
    tf.dispose(layer(x, weight));
    const [tensors, held, sessions] = [
      tf.memory().numTensors,
      binding().getNumOfTensors(),
      binding().getNumOfSavedModels(),
    ];
    const record = (given: tf.Tensor2D) => graphs.record([given, weight], () => layer(given, weight));
    const [one, two] = [record(x), record(x)];
    expect(binding().getNumOfSavedModels()).toBe(sessions + 1);
    one.dispose();
    one.dispose();
    tf.dispose(two.run([x, weight]));
    two.dispose();
    for (let rows = 6; rows < 20; rows++) {
      const other = matrix(rows, 4, rows);
      const recording = record(other);
      tf.dispose(recording.run([other, weight]));
      recording.dispose();
      other.dispose();
    }
    expect(binding().getNumOfSavedModels()).toBe(sessions + 8);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(binding().getNumOfTensors()).toBe(held);
    expect(folders()).toEqual(before);
  });

  it('are not run on a GPU, whose memory a graph cannot give tensors in', () => {
    const runSavedModel = () => [];
    expect(runsGraphs({ runSavedModel, isUsingGpuDevice: () => true })).toBe(false);
    expect(runsGraphs({ runSavedModel, isUsingGpuDevice: () => false })).toBe(true);
    expect(runsGraphs({})).toBe(false);
  });
});
