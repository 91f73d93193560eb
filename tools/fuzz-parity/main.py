"""Compares real diffusers with Contigua on random small models, and prints the worst error and every refusal as a table.

  python tools/fuzz-parity/main.py [--family Qwen] [--count 100] [--seed 1] [--only INDEX] [--engines wasm cpu tensorflow]
      [--command-every 20] [--journal run.jsonl] [--out table.md] [--keep FOLDER]

Every case runs on every engine; one in `--command-every` goes through `contigua forward` itself, the others through the same code
in a process that stays (engine.ts). An error above 2e-4 of the output's largest value is a failure, unless diffusers in float32 is
as far from diffusers in float64. So is a case that one of the two runs and the other refuses. Seed and index give the same case
again. An error that goes away when diffusers' frequencies are rounded correctly is PyTorch's exponential. README.md says how a family registers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cases  # noqa: E402
import diffusers  # noqa: E402
import families  # noqa: E402, F401
import reference  # noqa: E402
import torch  # noqa: E402
from edits import edited, write_students  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from table import EDITS, EXPORTED, FORWARD, Journal  # noqa: E402

ROOT = HERE.parent.parent
TOLERANCE = 2e-4
ONE_THREAD = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
torch.set_num_threads(1)
diffusers.utils.logging.set_verbosity_error()


class Engine:
    """A process of engine.ts that stays for all cases."""

    def __init__(self, name):
        command = ["node", "--import", "./scripts/sources.mjs", "tools/fuzz-parity/engine.ts", name]
        self.name = name
        self.log = tempfile.TemporaryFile("w+")  # not a pipe, which fills up where nobody reads it
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, env=ONE_THREAD, **pipes)

    def ask(self, **request):
        self.process.stdin.write(json.dumps({key: str(v) if isinstance(v, Path) else v for key, v in request.items()}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise SystemExit(f"{self.name} ended: {self.log.read()[-2000:]}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def by_command(folder, engine):
    command = ["node", "bin/contigua.mjs", "forward", folder / "model", "--inputs", folder / "inputs.safetensors"]
    command += ["--out", folder / "out.safetensors", "--engine", engine]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=ONE_THREAD)
    return {"done": True} if ran.returncode == 0 else {"refused": "command", "message": ran.stderr.strip().splitlines()[-1]}


class Table(Journal):
    def refusal(self, family, theirs, ours, where, engine):
        if theirs and ours.get("refused"):
            reason = ours["message"].split(";")[0].split("›")[-1].strip()
            self.add(engine=engine, refusal=f"by both: {reason}", diffusers=theirs)
            return
        if theirs is None and not ours.get("refused") and not ours.get("failed"):
            return
        whose = f"diffusers alone: {theirs}" if theirs else f"Contigua alone: {ours.get('message') or ours.get('failed')}"
        self.add(
            engine=engine, refusal=whose[:160], diffusers=theirs or "runs", failure=f"{family} {where} on {engine}: refused by {whose}"
        )  # fmt: skip

    def compare(self, what, engine, found, expected, judged, where):
        """`judged` is the model and case that gave `expected`."""
        size = expected.abs().max().item()
        error = (found - expected).abs().max().item() / size
        told = dict(what=what, engine=engine, error=error if error == error else float("inf"), where=where)
        if error <= TOLERANCE:
            return self.add(**told)
        rounded = reference.forward_rounded(*judged)
        left = (found - rounded).abs().max().item() / size
        if left <= TOLERANCE:
            return self.add(**told, excused="a step of PyTorch's exponential", left=left)
        truth = reference.forward_float64(*judged)
        ours, theirs = ((x.double() - truth).abs().max().item() / size for x in (found, expected))
        if ours <= max(TOLERANCE, 2 * theirs):
            return self.add(**told, excused="diffusers is as far from float64", left=ours)
        line = f"{error:.1e}; from float64 Contigua is {ours:.1e}, diffusers {theirs:.1e} off"
        self.add(**told, failure=f"{judged[1].class_name} {where} on {engine}, {what}: {line}")


def short(class_name):
    return class_name.removesuffix("Transformer2DModel")


def run_case(class_name, seed, index, folder, engines, commanded, table):
    case, draw = cases.drawn(class_name, seed * 1_000_003 + index)
    family = short(class_name)
    model = cases.model_of(case, draw)
    cases.draw_edits(case, draw)
    cases.save_case(case, draw, model, folder)
    where = f"{index} ({', '.join([case.dtype, *case.traits])})"
    expected, theirs = reference.forward(model, case)
    if theirs:
        whole = reference.spread(case)
        again, still = reference.forward(model, whole)
        if still is None:
            table.add(engine="all", refusal="by diffusers alone; with the row repeated it gives what Contigua gives", diffusers=theirs)
            case, expected, theirs = whole, again, None
    out = folder / "out.safetensors"
    for engine in engines:
        ours = by_command(folder, engine.name) if commanded else engine.ask(model=folder / "model", inputs=folder / "inputs.safetensors", out=out)
        table.refusal(family, theirs, ours, where, engine.name)
        if expected is None or "done" not in ours:
            continue
        table.compare(FORWARD, engine.name, load_file(out)["sample"], expected, (model, case), where)
    if expected is None or not case.edits:
        return
    fingerprint = engines[0].ask(model=folder / "model", inputs="", out="", fingerprint=True)
    if "fingerprint" not in fingerprint:
        return
    listed = write_students(case, draw, model, folder, fingerprint["fingerprint"])
    changed = edited(model, [edit for _, edit in listed])
    expected, _ = reference.forward(changed, case)
    engine = engines[index % len(engines)]
    ours = engine.ask(
        model=folder / "model", inputs=folder / "inputs.safetensors", out=out, edits=[edit for edit, _ in listed],
        exportTo=folder / "exported",
    )  # fmt: skip
    where = f"{where}, {len(listed)} edits"
    table.refusal(family, None, ours, where, engine.name)
    if "done" not in ours:
        return
    table.compare(EDITS, engine.name, load_file(out)["sample"], expected, (changed, case), where)
    check_export(case, model, listed, folder, engine, table, family, where)


def check_export(case, model, listed, folder, engine, table, family, where):
    """The exported folder holds the students, in the teacher's type; diffusers loads it with no key missing or left over."""
    exported, report = type(model).from_pretrained(folder / "exported", torch_dtype=torch.float32, output_loading_info=True)
    problems = {key: value for key, value in report.items() if value}
    if problems:
        table.add(failure=f"{family} {where}: from_pretrained of the export: {problems}")
        return
    plugged = edited(model, [edit for _, edit in listed if edit[3] is not None], cases.DTYPES[case.dtype])
    problem = difference(plugged.state_dict(), exported.state_dict(), case)
    _, refused = reference.forward(exported.eval(), case)
    if problem or refused:
        table.add(failure=f"{family} {where}: the export is not the teacher with its students ({problem or refused})")
        return
    plugged = exported
    expected, _ = reference.forward(plugged, case)
    out = folder / "out.safetensors"
    ours = engine.ask(model=folder / "exported", inputs=folder / "inputs.safetensors", out=out)
    table.refusal(family, None, ours, f"{where}, exported", engine.name)
    if "done" in ours:
        table.compare(EXPORTED, engine.name, load_file(out)["sample"], expected, (plugged, case), where)


def difference(expected, found, case):
    """The first tensor that is not the same bit for bit, in words. A table that the teacher leaves out is computed and rounded."""
    if set(expected) != set(found):
        return f"names: {sorted(set(expected) ^ set(found))[:4]}"
    for name, tensor in expected.items():
        same = torch.equal(tensor, found[name])
        if name in case.left_out and tensor.shape == found[name].shape:
            step = torch.finfo(cases.DTYPES[case.dtype]).eps
            same = torch.allclose(tensor, found[name], rtol=step, atol=2e-6)
        if not same:
            return f"{name} differs"
    return None


def write_golden(class_name, seed, index, folder):
    """Model, inputs and diffusers' output, for the tests that need no Python."""
    case, draw = cases.drawn(class_name, seed * 1_000_003 + index)
    model = cases.model_of(case, draw)
    cases.draw_edits(case, draw)
    folder.mkdir(parents=True, exist_ok=True)
    cases.save_case(case, draw, model, folder)
    (folder / "case.json").unlink()
    expected, refused = reference.forward(model, case)
    assert refused is None, refused
    save_file({"sample": expected.contiguous()}, folder / "expected.safetensors")
    golden = dict(
        generator=f"python tools/fuzz-parity/main.py --family {class_name} --seed {seed} --only {index} --golden {folder}",
        reference=f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float32, CPU",
        tolerance=TOLERANCE,
        traits=[case.dtype, *case.traits],
    )
    (folder / "golden.json").write_text(json.dumps(golden, indent=2) + "\n")
    print(folder, golden["traits"], sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="", help="a part of the class's name; all families without it")
    parser.add_argument("--count", type=int, default=100, help="cases of each family")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this case alone")
    parser.add_argument("--engines", nargs="+", default=["wasm", "cpu", "tensorflow"])
    parser.add_argument("--command-every", type=int, default=20)
    parser.add_argument("--journal", type=Path, help="where results are kept case by case: the same command goes on behind the last")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path, help="where the files of the cases stay")
    parser.add_argument("--golden", type=Path, help="writes the case of --only with diffusers' output into this folder, and compares nothing")
    args = parser.parse_args()
    chosen = [name for name in cases.GENERATORS if args.family.lower() in name.lower()]
    if args.golden:
        (class_name,) = chosen
        write_golden(class_name, args.seed, args.only, args.golden)
        return
    setting = dict(seed=args.seed, engines=args.engines, commandEvery=args.command_every)
    indices = range(args.count) if args.only is None else [args.only]
    table = Table(args.journal, setting, {(short(name), index) for name in chosen for index in indices})
    left = [(name, index) for index in indices for name in chosen if not table.has(short(name), index)]
    engines = [Engine(name) for name in args.engines] if left else []
    for done, (class_name, index) in enumerate(left, 1):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            if args.keep:
                folder = args.keep / f"{class_name}-{args.seed}-{index}"
                folder.mkdir(parents=True, exist_ok=True)
            run_case(class_name, args.seed, index, folder, engines, index % args.command_every == args.command_every - 1, table)
        table.end_case(short(class_name), index)
        if done % 10 == 0 or done == len(left):
            print(f"{done} of {len(left)} cases, {len(table.failures())} failures", file=sys.stderr, flush=True)
    for engine in engines:
        engine.close()
    print(table.text())
    if args.out:
        args.out.write_text(table.text() + "\n")
    sys.exit(1 if table.failures() else 0)


if __name__ == "__main__":
    main()
