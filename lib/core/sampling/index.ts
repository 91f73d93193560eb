export {
  normPreservingGuidance,
  type PictureRequest,
  samplePicture,
  seededNoise,
  type TextCondition,
} from './sample-picture.ts';
export { flowMatchSigmas, parseSchedulerConfig, type SchedulerConfig, type SigmaStart } from './scheduler.ts';
