export {
  normPreservingGuidance,
  type PictureRequest,
  type SamplingRequest,
  type SeededPrompt,
  samplePicture,
  samplePictures,
  seededNoise,
  type TextCondition,
} from './sample-picture.ts';
export { flowMatchSigmas, parseSchedulerConfig, type SchedulerConfig, type SigmaStart } from './scheduler.ts';
