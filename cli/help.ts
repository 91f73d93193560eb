/** The words of `--help`, per command and for all of them. */
import { DEFAULT_DAMAGE_SCORE, LONGEST_ABLATION, scoreNamed } from '../lib/core/detection/index.ts';
import { DEFAULT_EXPORTER, EXPORTERS } from '../lib/core/export/index.ts';
import { FAMILIES } from '../lib/core/model/config-index.ts';
import { DEFAULT_DISTIL, DEFAULT_FINE_TUNE } from '../lib/core/run/index.ts';
import { COUNTED_PICTURES } from '../lib/core/shapes/index.ts';
import { NODE_ENGINES } from '../lib/core/tensor/engine.ts';

const FAMILY_NAMES = FAMILIES.map(({ label }) => label).join(', ');
const REMOTE = `  --cache-dir DIR     keeps what is read of a remote model in DIR; --cache-gb N at most (20)`;
const ENGINE = `  --engine NAME       auto (default), ${NODE_ENGINES.slice(1, -1).join(', ')} or ${NODE_ENGINES.at(-1)}`;

export const HELP: Readonly<Record<string, string>> = {
  all: `contigua: find contiguous redundant blocks of a diffusion transformer, and distil them into fewer

  contigua inspect MODEL [--json]
  contigua forward MODEL --inputs IN.safetensors --out OUT.safetensors
  contigua analyse MODEL [--calibration FILE | --samples N --timesteps N --seed N] [--out REPORT.json]
  contigua analyse --trace TRACE.safetensors [--out REPORT.json]
  contigua capture MODEL --out FOLDER [--calibration FILE | --samples N --timesteps N --seed N] [--rows N]
  contigua compare REPORT REPORT … [--rows all] [--json]
  contigua plan    MODEL (--intervals '[[3,4],[5,7]]' | --report REPORT.json (--remove N | --budget params=12B))
                         [--by probes] [--modulation 8] [--text N] [--ffn N] [--out PLAN.json] [--config-out config.json]
  contigua distil  MODEL --plan PLAN.json [--out FOLDER] [--estimate] [options]
  contigua runs    [RUN] [--json]
  contigua export  RUN --out FOLDER [--plugged 3-4,7-9]
  contigua export  MODEL --plan PLAN.json --out FOLDER
  contigua engines [--json]

MODEL is a diffusers model folder of one of these families (${FAMILY_NAMES}), its \`transformer\` folder, or one file of a
whole transformer: .safetensors or .gguf, as ComfyUI uses them (docs/formats.md). It may lie on a server: hf:OWNER/NAME[@REVISION][/PATH]
is a repository of Hugging Face (token in HF_TOKEN), https://HOST/PATH a folder or file (docs/terminal.md).
Data goes to stdout or files, progress to stderr.
\`contigua COMMAND --help\` shows the options of a command; \`contigua --version\` shows the version.
Exit codes: 0 done, 1 error in the model or an input, 2 error in the command line, 130 stopped.`,

  inspect: `contigua inspect MODEL [--json]
Reads config and headers, checks every weight's presence, dtype and shape, and prints what the model is. A config.json without weights is
counted; \`plan --intervals\` takes one too.

  --json              machine-readable, with the model's fingerprint and its config
${REMOTE}`,

  forward: `contigua forward MODEL --inputs IN.safetensors --out OUT.safetensors
One forward pass. IN holds tensors named as diffusers' forward arguments; OUT gets \`sample\`.

  every model         hidden_states [B, Ni, in_channels], encoder_hidden_states [B, Nt, joint_attention_dim], timestep [B] or [1];
                      sample [B, Ni, patch_size² · out_channels]
  Qwen-Image          encoder_hidden_states_mask [B, Nt] (optional); additional_t_cond [B] of a layered model; \`img_shapes\` as
                      JSON in the metadata, as in [[1, 8, 8]] or, for several images per sample, [[[1, 8, 8], [1, 6, 8]]]
  FLUX.1              pooled_projections [B, pooled_projection_dim], img_ids [Ni, 3] and txt_ids [Nt, 3], or \`img_shapes\` instead
                      of both; guidance [B] where the model embeds it
  FLUX.2              img_ids [Ni, 4] and txt_ids [Nt, 4], or \`img_shapes\` instead of both; guidance [B] where the model embeds it
  Stable Diffusion 3  latents: hidden_states [B, in_channels, H, W], sample [B, out_channels, H, W]; pooled_projections
                      [B, pooled_projection_dim]; timestep from 0 to 1000

  --inputs FILE       required
  --out FILE          required
${ENGINE}
${REMOTE}`,

  analyse: `contigua analyse MODEL [options]
Fits linear probes, compares hidden states by CKA and measures the damage of replacing intervals. Inputs: a calibration file, or
pictures and captions of the sample grammar for the bundled model, or seeded noise, labelled as synthetic.

  --trace FILE        in place of MODEL: states that were captured elsewhere (docs/trace.md); everything that needs no weights
  --calibration FILE  safetensors named as for \`forward\`, many samples
  --samples N         samples to make where no file is given (64)
  --timesteps N       noise levels to spread them over (8)
  --seed N            (1)
  --split             says how many samples of each noise level probes were fitted on, and how many were held out
  --ablation LIST     also takes out and measures, one by one: \`blocks\` (each block), \`parts\` (attention and feed-forward of
                      each), \`intervals\` (every run of 2 to ${LONGEST_ABLATION} blocks) and \`linear\` (each of these runs with one
                      linear map in place of its later blocks); several with commas
  --width LIST        also fits linear maps in the place of layers, and measures them one by one: \`ffn\` (the feed-forward layers
                      of each block and stream), \`text\` (groups of blocks that the rule detects on the text stream) and
                      \`text-all\` (every group of 2 to ${LONGEST_ABLATION} blocks); several with commas
  --tokens N          tokens read of each stream, at most, as many of every sample; or all (1024 of models wider than 1024, else
                      all; of a trace all)
  --states DIR        keeps states and finished parts in DIR: an analysis that was interrupted goes on there, --ablation and
                      --width included; the maps of --width wait there too, in half of what is left of --disk
  --memory SIZE       that the analysis may take, as 6GB (80 % of what is free); --disk SIZE in DIR (all of it)
  --damage-samples N  held-out samples that detected intervals are measured on (8); --damage-intervals N measures the N
                      nearest ones alone (all), and --damage-intervals 3-5,8-9 these, detected or not
  --estimate          measures one block, prints time, memory and disk, and what --ablation takes besides, and exits; that of a
                      large model or trace is always printed
  --out FILE          the report; without it, stdout
${ENGINE}
${REMOTE}`,

  capture: `contigua capture MODEL --out FOLDER [options]
Runs the model on a calibration and writes trace.safetensors, which \`contigua analyse --trace\` and the page take without the
model, and calibration.safetensors with the inputs (docs/trace.md). Inputs are those of \`analyse\`.

  --out FOLDER        required; made where it is missing
  --rows N            tokens of each stream, drawn evenly from all samples (2048)
  --dtype TYPE        of the states: F32 (default), BF16 or F16
  --intervals LIST    3-4,7-9: also writes boundaries.safetensors, the states of every token around these intervals, which
                      \`contigua distil --boundaries\` trains students on
  --calibration FILE  safetensors named as for \`forward\`, many samples
  --samples N         samples to make where no file is given (64); --timesteps N (8), --seed N (1)
  --states DIR        keeps what is captured in DIR until the files are written: a capture that was interrupted goes on there
  --memory SIZE       that the capture may take, as 6GB (80 % of what is free); --disk SIZE in DIR (all of it)
  --estimate          measures one block, prints time, memory and disk, and exits; that of a large model is always printed
${ENGINE}
${REMOTE}`,

  compare: `contigua compare REPORT REPORT … [options]
Which intervals the default rule detects in each of several reports of one model (other seeds, other calibration files), and in
which share of each report's resamples it finds them. Reports that split their samples by different rules are not compared.

  --rows ROWS         tokens that similarities are taken over: held-out (default), or all
  --json              machine-readable`,

  plan: `contigua plan MODEL (--intervals LIST | --report FILE (--remove N | --budget LIMIT)) [options]
contigua plan MODEL [--modulation WHAT] [--report FILE [--text N] [--ffn N]] [options]
Writes plan.json: what is done to the model, and what every block becomes. An interval [first, last] keeps block \`first\`
and removes the rest. Other edits make blocks narrower.

  --intervals LIST    [[first, last], …], both ends inclusive, counted from 0; or as in the page's address, 3-4.7-9p,
                      where a letter says what stands in for that interval: r (nothing), p (probes), l (one linear map)
                      or s (student). In that form also, for models whose structure allows it:
                      t13-14    a text group: block 13 updates the text, block 14 attends to a projection of it
                      f2-image  a linear map for the feed-forward layers of a stream in block 2
                      m8        one basis of rank 8 for all modulations; m8*0-5_7 for those of blocks 0 to 5 and 7
                      x1_75e-2  a table of modulations over the timesteps 1 and 0.75
  --report FILE       of \`contigua analyse\` on this model: adds its figures to the plan
  --remove N          takes the detected intervals, least damage first, until N blocks go; needs --report
  --text N, --ffn N   adds the N text groups, or the feed-forward layers of the N blocks, that cost least alone and go with
                      the rest; needs a --report of \`analyse --width\`; not with --budget
  --choice KIND       what --remove takes from: detected (default), or least-damage: of all intervals, those of least total ${scoreNamed(DEFAULT_DAMAGE_SCORE).label}
  --budget LIMIT      takes the plan of least predicted damage that costs no more: params=12B, size=24GB, flops=60%,
                      time=1.2s or memory=24GB@bf16, each also in percent of the whole model; needs --report. FLOPs and time
                      are those of one drawing step. --intervals are in every plan then, whatever their kind
  --lock BLOCKS       0,1,2 or 0-2: blocks that stay with all of their weights; an interval or a text group may begin at one
  --forbid BLOCKS     blocks that no edit touches: no interval and no text group holds them, not even as its first
  --allow KINDS       what a plan under a budget may be made of: run (default), text, ffn and modulation; several with commas.
                      text and ffn need a --report of \`analyse --width text-all,ffn\`; the damage of modulation is measured
                      at one rank first
  --measured FILES    plans that --measure, or the page, has measured with this --report; several with commas. A correction of
                      what is predicted is fitted to four or more of them, and they are points of --front
  --front             lists the plans that no other one beats in place of writing one; --json: for programs
  --rows ROWS         tokens that similarities are taken over: held-out (default), or all; reports of earlier versions
                      have all alone
  --modulation WHAT   blocks share their modulation: 8 (a basis of rank 8), 1% (the first rank that leaves no more error at
                      held-out timesteps) or 20steps (a table, exact over a schedule of 20 steps); prints error and saving
  --by KIND           what stands in for the blocks that go: nothing (default), probes, or student (to be distilled,
                      for the whole interval); --replacement removed or probes, the words of version 1, mean nothing and probes
  --measure           runs the model with all edits of the plan in place: output error, and facts of ${COUNTED_PICTURES.pictures} captions where it
                      draws, and the time of a forward on --engine beside its FLOPs; not with students, nor with tables of
                      modulations, which take no timesteps but their own
  --calibration FILE  what --measure and --allow modulation run on, where the report was measured on a file
  --states DIR        where maps that --measure fits wait, in a folder of their own that is removed at the end (temporary files);
                      --disk SIZE there; --memory SIZE as for \`analyse\`: states that are more than it leaves wait there too
  --out FILE          the plan; without it, stdout
  --config-out FILE   the diffusers config.json of the pruned model
${REMOTE}`,

  distil: `contigua distil MODEL --plan PLAN.json [options]
Trains one block for each interval of the plan, whatever the plan puts there, on the teacher's states, and writes the smaller model as a diffusers folder.
Prints an estimate of time, memory and disk first. Ctrl-C stores a checkpoint and pauses. The same command resumes the run;
after a crash, from the last checkpoint.

  --plan FILE         required; of \`contigua plan\` or the page
  --out FOLDER        the model (NAME-N-blocks); must be new, empty or an earlier export
  --estimate          prints the estimate of time, memory and disk, and exits
  --name TEXT         what the run is called in lists

  --data KIND         shapes (pictures of the sample grammar, its default), a calibration FILE.safetensors, or synthetic noise
  --boundaries FILE   the teacher's states around the plan's intervals, for the samples of --data: boundaries.safetensors of
                      tools/capture, in place of the teacher's own passes
  --steps N           optimizer steps per interval (${DEFAULT_DISTIL.steps})
  --batch N           samples of a step (${DEFAULT_DISTIL.batch}); --accumulation N (${DEFAULT_DISTIL.accumulation}) batches make one step
  --distinct-batches N  that many over and over, so that the teacher runs for them once (a new one for every step)
  --loss NAME         direction-magnitude, direction, direction-l1 or mse (${DEFAULT_DISTIL.loss}); --magnitude-weight X (${DEFAULT_DISTIL.magnitudeWeight})
  --learning-rate X   at its peak (by the model's width, ${DEFAULT_DISTIL.learningRate} for the sample), after --warm-up N
                      steps (${DEFAULT_DISTIL.warmupSteps}), on a --schedule cosine or constant (${DEFAULT_DISTIL.schedule})
  --weight-decay X    of AdamW (${DEFAULT_DISTIL.weightDecay}); --ema X averages weights with this decay (off),
                      from a lower one at first with --ema-warm-up
  --start BLOCK       what a student starts from: first, middle, last or best block of its interval (${DEFAULT_DISTIL.start})
  --seed N            (${DEFAULT_DISTIL.seed}); same seed and engine, same curve
  --narrow-steps N    steps for text groups, feed-forward layers and shared modulations of the plan (as --steps), and
                      --narrow-learning-rate X (a tenth of --learning-rate); they start in closed form, and what errs less is kept
  --fine-tune WHICH   then trains students or all weights together, with all maps and shared modulations;
                      --fine-tune-steps N (${DEFAULT_FINE_TUNE.steps}), --fine-tune-batch N (${DEFAULT_FINE_TUNE.batch}),
                      --fine-tune-learning-rate X (${DEFAULT_FINE_TUNE.learningRate} for the sample)
  --dtype TYPE        of trained and of decoded weights in the folder: teacher (default: the teacher's type; BF16 where
                      that is quantised) or F32
${ENGINE}
  --slots N           intervals trained at once (CONTIGUA_SLOTS, or 2)
  --cache-gb X        teacher states kept on disk (8); 0 keeps none
  --sweep-gb X        memory for teacher states that are computed together (1); --states bf16 rounds them (f32)
  --data-folder PATH  database and checkpoints (CONTIGUA_DATA, or .contigua); DATABASE_URL names PostgreSQL instead`,

  runs: `contigua runs [RUN] [options]
Lists the runs in the database, or shows one: its settings, its intervals and their held-out errors.

  --json              machine-readable
  --data-folder PATH  as for \`distil\``,

  export: `contigua export RUN --out FOLDER [options]
contigua export MODEL --plan PLAN.json --out FOLDER [options]
Writes a run's model as a diffusers folder: the teacher with finished students plugged in, its own blocks everywhere else. With
--plan, the model that a plan leaves without training: runs with nothing in their place; linear maps for text groups and
feed-forward layers, fitted here on the states of the model with these edits in place, which PPCL's class reads for Qwen-Image;
and shared modulations. Those, and narrower blocks of the other families, open in Contigua and in no class of diffusers.

  --out FOLDER        required; must be new, empty or an earlier export
  --plugged KEYS      students to plug in, as in 3-4,7-9 (all finished ones); "" for none
  --fine-tuned        the jointly fine-tuned whole, with all that was trained
  --dtype TYPE        of trained and of decoded weights: teacher (default: the teacher's type; BF16 where that is
                      quantised) or F32
  --format NAME       ${EXPORTERS.map(({ name, label }) => (name === DEFAULT_EXPORTER.name ? `${name} (default, a ${label})` : `${name} (a ${label})`)).join(', ')}
  --plan FILE         of \`contigua plan\`, with MODEL; --calibration FILE, or --samples, --timesteps and --seed as for \`analyse\`, are what
                      its linear maps are fitted on
  --states DIR        where fitted maps wait, in a folder of their own that is removed at the end (temporary files); --disk SIZE there
  --memory SIZE       as for \`analyse\`: states that are more than it leaves wait in DIR too
  --model FOLDER      the teacher, where it lies under none of the model roots (CONTIGUA_MODELS); or its address, with the commit
  --data-folder PATH  as for \`distil\``,

  engines: `contigua engines [--json]
Lists the engines of this machine with their devices, says which one is chosen and why, and checks it against the reference.

${ENGINE}`,
};
