/** What a run's jobs are called. A student's key is its interval ("3-4"); the joint fine-tune, one per run, has this one. */
export const FINE_TUNE_KEY = 'fine-tune';
