/** The words of `--help`, per command and for all of them. */
const ENGINE = `  --engine NAME       auto (default), tensorflow, webgpu, wasm or cpu`;

export const HELP: Readonly<Record<string, string>> = {
  all: `contigua: find contiguous redundant blocks of a diffusion transformer, and plan their removal

  contigua inspect MODEL [--json]
  contigua forward MODEL --inputs IN.safetensors --out OUT.safetensors
  contigua analyse MODEL [--calibration FILE | --samples N --timesteps N --seed N] [--out REPORT.json]
  contigua plan    MODEL (--intervals '[[3,4],[5,7]]' | --report REPORT.json --remove N)
                         [--out PLAN.json] [--config-out config.json]

MODEL is a diffusers model folder of the Qwen-Image family, or its \`transformer\` folder.
Data goes to stdout or files, progress to stderr.
\`contigua COMMAND --help\` tells more; \`contigua --version\` tells the version.
Exit codes: 0 done, 1 the model or an input is at fault, 2 the command line is, 130 stopped.`,

  inspect: `contigua inspect MODEL [--json]
Reads config and headers, checks every weight's presence, dtype and shape, and prints what the model is.

  --json              machine-readable, with the model's fingerprint and its config`,

  forward: `contigua forward MODEL --inputs IN.safetensors --out OUT.safetensors
One forward pass. IN holds tensors named as diffusers' forward arguments: hidden_states [B, Ni, in_channels],
encoder_hidden_states [B, Nt, joint_attention_dim], encoder_hidden_states_mask [B, Nt] (optional), timestep [B] in 0..1,
and \`img_shapes\` as JSON in its metadata, as in [[1, 8, 8]]. OUT gets \`sample\` [B, Ni, patch_size² · out_channels].

  --inputs FILE       required
  --out FILE          required
${ENGINE}`,

  analyse: `contigua analyse MODEL [options]
Fits linear probes, compares hidden states by CKA and measures what intervals are worth. Inputs: a calibration file, or
pictures and captions of the sample grammar for the bundled model, or seeded noise, labelled as synthetic.

  --calibration FILE  safetensors named as for \`forward\`, many samples
  --samples N         samples to make where no file is given (64)
  --timesteps N       noise levels to spread them over (8)
  --seed N            (1)
  --out FILE          the report; without it, stdout
${ENGINE}`,

  plan: `contigua plan MODEL (--intervals JSON | --report FILE --remove N) [options]
Writes plan.json: what every block becomes. An interval [first, last] keeps block \`first\` and removes the rest.

  --intervals JSON    [[first, last], …], both ends inclusive, counted from 0
  --report FILE       of \`contigua analyse\` on this model: adds its figures to the plan
  --remove N          takes the detected intervals, least damage first, until N blocks go; needs --report
  --replacement KIND  what stands in for removed blocks: removed (default, nothing) or probes
  --out FILE          the plan; without it, stdout
  --config-out FILE   the diffusers config.json of the pruned model`,
};
