"""What capturing costs in time and memory: the same generations with and without it, in turns, a process each.

  python3 tools/capture/measure_overhead.py [--width 768 --blocks 12 --tokens 1024 --prompts 2 --steps 4 --rows 2048]

A QwenImagePipeline with random F32 weights on the CPU; every step is captured, which is the dearest setting. Peak memory is
that of the generations alone, over what the process held before them (Linux).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import diffusers
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from contigua_capture import Capture  # noqa: E402


def generate(args):
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    heads = args.width // 64
    model = diffusers.QwenImageTransformer2DModel(
        num_layers=args.blocks, attention_head_dim=64, num_attention_heads=heads, joint_attention_dim=512,
        axes_dims_rope=(16, 24, 24),
    )  # fmt: skip
    pipe = diffusers.QwenImagePipeline(diffusers.FlowMatchEulerDiscreteScheduler(), None, None, None, model.eval())
    pipe.set_progress_bar_config(disable=True)
    side = 16 * int(args.tokens**0.5)

    def run():
        for number in range(args.prompts):
            text = torch.randn(1, 64, 512)
            mask = torch.ones(1, 64, dtype=torch.int64)
            with torch.no_grad():
                pipe(
                    prompt_embeds=text, prompt_embeds_mask=mask, height=side, width=side, num_inference_steps=args.steps,
                    output_type="latent",
                )  # fmt: skip

    result = {}
    with tempfile.TemporaryDirectory() as folder:
        Path("/proc/self/clear_refs").write_text("5")
        before, started, used = memory("VmRSS"), time.perf_counter(), time.process_time()
        if args.capture:
            with Capture(
                pipe, folder, rows=args.rows, timesteps=args.steps, samples=args.prompts * args.steps
            ):  # fmt: skip
                run()
            result["traceMB"] = round((Path(folder) / "trace.safetensors").stat().st_size / 1e6, 1)
        else:
            run()
        result["seconds"] = round(time.perf_counter() - started, 2)
        result["cpuSeconds"] = round(time.process_time() - used, 2)
    print(json.dumps(result | {"heldMB": round(before), "peakMB": round(memory("VmHWM"))}))


def memory(field):
    """In MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in dict(width=768, blocks=12, tokens=1024, prompts=2, steps=4, rows=2048, turns=3, threads=1).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--capture", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return generate(args)
    for turn in range(args.turns):
        for capture in (False, True):
            command = [sys.executable, __file__, *sys.argv[1:], "--one", *(["--capture"] if capture else [])]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            print(f"turn {turn + 1}, {'captured' if capture else 'plain':8}", found, flush=True)


if __name__ == "__main__":
    main()
