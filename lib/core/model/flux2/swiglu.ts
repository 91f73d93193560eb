/** The activation of FLUX.2's MLPs: silu of the first half of the features times the second half. Call inside tf.tidy. */
import * as tf from '@tensorflow/tfjs-core';
import { sigmoidGradient } from '../../tensor/tensorflow-library.ts';
import { withGradient } from '../../tensor/with-gradient.ts';

/** x [B, N, 2M] → [B, N, M] */
export function swiglu(x: tf.Tensor3D): tf.Tensor3D {
  return withGradient<tf.Tensor3D>(
    [x],
    (save) => {
      const [gate, value] = halves(x);
      const share = tf.sigmoid(gate);
      save(gate, value, share);
      return tf.mul(tf.mul(gate, share), value);
    },
    (dy, gate, value, share) => {
      // The derivative of silu is σ + σ′·gate.
      const steepness = tf.add(share!, sigmoidGradient(share!, gate!));
      return [tf.concat([tf.mul(tf.mul(dy, value!), steepness), tf.mul(dy, tf.mul(gate!, share!))], -1)];
    },
  );
}

function halves(x: tf.Tensor3D): [tf.Tensor3D, tf.Tensor3D] {
  const [first, second] = tf.split<tf.Tensor3D>(x, 2, -1);
  if (!first || !second) throw new RangeError('Two parts were asked for');
  return [first, second];
}
