/** A model with edits in place: the route through it, and what it gives. */
export { type Drawing, type DrawOptions, drawerOf, drawPrompt } from './draw-prompt.ts';
export { openFineTunedRoute } from './fine-tuned.ts';
export { drawHeldOut, type HeldOutPictures } from './held-out-pictures.ts';
export { type ForwardTiming, type MeasureOptions, measureForward } from './measure-forward.ts';
export { type EditedRoute, type EditWithFile, openEdits, openParts } from './open-edits.ts';
export { type OutputError, relativeOutputError } from './output-error.ts';
export { readModulations, withModulations } from './shared-modulations.ts';
export { disposeStudents, openStudents, routeBefore, type StudentEdit, studentsKey } from './students.ts';
export { type MapsEdit, mapsByBlock, mapsKey, storeTrainedMaps, trainedRoute } from './trained-maps.ts';
