"""Writes the hidden states of a diffusers pipeline to files that Contigua analyses without the model's weights.

MIT License, Copyright (c) 2026 The Contigua authors; the full text is in LICENSE of the Contigua repository.

Needs torch and diffusers, nothing else. Copy this one file to the machine that runs the model.

    from contigua_capture import Capture

    with Capture(pipe, "traces/my-model", rows=2048, timesteps=8, seed=0, samples=len(prompts) * 8):
        for i, prompt in enumerate(prompts):
            pipe(prompt, generator=torch.Generator().manual_seed(i))

or, as a command, with one prompt a line:

    python contigua_capture.py Qwen/Qwen-Image --prompts prompts.txt --out traces/qwen-image

FOLDER/trace.safetensors holds, for each stream of tokens, sampled rows of the state that enters the first block and of the
state after every block. FOLDER/calibration.safetensors holds the inputs of the same forward passes, as `contigua analyse
--calibration` takes them. On request, FOLDER/boundaries.safetensors holds the states around intervals of blocks, all tokens.
docs/trace.md of Contigua describes the files.

Pipelines: QwenImagePipeline, QwenImageEditPipeline, StableDiffusion3Pipeline, FluxPipeline, Flux2Pipeline, and others that run
the same transformers. States go to disk as they are computed: memory holds the sampled rows of one state at a time, and the
disk twice the size of the files until they are complete. Files appear under their final names when they are whole.

Guidance: where a pipeline runs the prompt and the negative prompt, `passes="conditional"` (the default) captures the passes of
the prompt alone. `passes="both"` captures both: image rows of both passes, text rows of the prompt's pass alone, as the
negative prompt is the same for all prompts and a probe that has seen it once knows it everywhere. A negative pass belongs to
the prompt group of its prompt, because both passes see the same latents.
"""

import argparse
import contextlib
import decimal
import functools
import hashlib
import inspect
import json
import math
import os
import random
import sys
from pathlib import Path

import torch

VERSION = "1"
BOUNDARIES_VERSION = "2"
NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64",
    torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
STORED = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
STREAMS = ("image", "text")
INPUT = -1
PIECE_BYTES = 16 * 2**20
DEFAULT_ROWS_PER_SAMPLE = 64

# By transformer class: the range of `timestep`, whether a batch holds both passes (negative first), the arguments that a
# calibration needs besides hidden states, text states, mask and time step, and the lists of blocks.
ONE_STACK = (("transformer_blocks", "blocks", "blocks"),)
TWO_STACKS = (
    ("transformer_blocks", "dual", "dual-stream blocks"),
    ("single_transformer_blocks", "single", "single-stream blocks"),
)
FAMILIES = {
    "QwenImageTransformer2DModel": dict(
        scale=1, both_in_batch=False, per_sample=("additional_t_cond",), positions=(), stacks=ONE_STACK
    ),
    "SD3Transformer2DModel": dict(
        scale=1000, both_in_batch=True, per_sample=("pooled_projections",), positions=(), stacks=ONE_STACK
    ),
    "FluxTransformer2DModel": dict(
        scale=1, both_in_batch=False, per_sample=("pooled_projections", "guidance"), positions=("img_ids", "txt_ids"),
        stacks=TWO_STACKS,
    ),
    "Flux2Transformer2DModel": dict(
        scale=1, both_in_batch=False, per_sample=("guidance",), positions=("img_ids", "txt_ids"), stacks=TWO_STACKS
    ),
}  # fmt: skip

# What Contigua names a model by: keys of the config, keys that count where they are true, and tensors whose bytes count.
IDENTITY = {
    "QwenImageTransformer2DModel": (
        "_class_name attention_head_dim axes_dims_rope in_channels joint_attention_dim num_attention_heads num_layers "
        "out_channels patch_size", "use_additional_t_cond use_layer3d_rope zero_cond_t", "img_in.weight proj_out.weight",
    ),
    "SD3Transformer2DModel": (
        "_class_name attention_head_dim caption_projection_dim dual_attention_layers in_channels joint_attention_dim "
        "num_attention_heads num_layers out_channels patch_size pooled_projection_dim pos_embed_max_size qk_norm sample_size",
        "", "context_embedder.bias proj_out.weight",
    ),
    "FluxTransformer2DModel": (
        "_class_name attention_head_dim axes_dims_rope guidance_embeds in_channels joint_attention_dim num_attention_heads "
        "num_layers num_single_layers out_channels patch_size pooled_projection_dim", "", "x_embedder.weight proj_out.weight",
    ),
    "Flux2Transformer2DModel": ("_class_name axes_dims_rope eps rope_theta", "", "x_embedder.weight proj_out.weight"),
}  # fmt: skip


class CaptureError(RuntimeError):
    """What cannot be captured, and what to do about it."""


class Capture:
    """Captures while the `with` block runs the pipeline, and writes the files when it ends without an exception.

    pipe: a pipeline of diffusers whose `transformer` is one of FAMILIES.
    out: folder of the files; it is made where it is missing.
    rows: rows of each stream in the trace, all samples together; fewer where the samples have fewer tokens.
    timesteps: how many steps of each generation are captured, spread evenly over its schedule.
    seed: of the choice of tokens.
    samples: how many samples will be captured (generations x timesteps), where it is known: then no more rows than needed
        go to disk. Without it each sample gives up to 64 rows, from which `rows` are chosen at the end.
    passes: "conditional" or "both", see above.
    dtype: "auto" (the model's, where that is BF16 or F16, else F32), or one of the three.
    calibration: also write calibration.safetensors.
    intervals: [(first, last), ...] blocks, inclusive, whose boundary states go to boundaries.safetensors.
    name: of the model, for labels.
    fingerprint: of the model, as `contigua inspect --json` gives it; a trace with it is recognised as being of that model.
        "auto" computes it from the safetensors files that the transformer was loaded from, where they are there. Pass None
        where the weights were changed after loading (a fused LoRA).
    stop_early: skip the steps of a generation after the last one that is captured; its picture is then worthless.
    """

    def __init__(
        self, pipe, out, *, rows=2048, timesteps=8, seed=0, samples=None, passes="conditional", dtype="auto",
        calibration=True, intervals=(), name=None, fingerprint="auto", stop_early=False,
    ):  # fmt: skip
        self.pipe, self.transformer = pipe, pipe.transformer
        kind = type(self.transformer).__name__
        if hasattr(self.transformer, "_orig_mod"):
            raise CaptureError("The transformer is compiled, which skips hooks. Capture before torch.compile.")
        if kind not in FAMILIES:
            raise CaptureError(f"A transformer of class {kind} cannot be captured. Known: {', '.join(FAMILIES)}.")
        if passes not in ("conditional", "both"):
            raise CaptureError(f'passes is "{passes}"; it can be "conditional" or "both".')
        if rows < 8 or timesteps < 1:
            raise CaptureError(f"rows is {rows} and timesteps {timesteps}; at least 8 rows and 1 time step are needed.")
        self.family = FAMILIES[kind]
        self.blocks = [
            (block, stack)
            for attribute, stack, _ in self.family["stacks"]
            for block in getattr(self.transformer, attribute)
        ]
        self.out = Path(out)
        self.rows, self.timesteps, self.seed, self.passes = rows, timesteps, seed, passes
        self.rows_per_sample = math.ceil(rows / samples) if samples else DEFAULT_ROWS_PER_SAMPLE
        own = NAMES.get(self.transformer.dtype, "F32")
        self.dtype = (own if own in ("BF16", "F16") else "F32") if dtype == "auto" else dtype.upper()
        if self.dtype not in STORED:
            raise CaptureError(f'dtype is "{dtype}"; it can be auto, F32, BF16 or F16.')
        self.with_calibration, self.stop_early = calibration, stop_early
        self.intervals = [(int(first), int(last)) for first, last in intervals]
        for first, last in self.intervals:
            if not 0 <= first <= last < len(self.blocks):
                raise CaptureError(f"[{first}, {last}] is no interval of blocks 0 to {len(self.blocks) - 1}.")
        self.boundaries = sorted({state for first, last in self.intervals for state in (first - 1, last)})
        self.name = name or getattr(pipe, "name_or_path", None) or type(pipe).__name__
        folder = self.transformer.config.get("_name_or_path") or ""
        self.fingerprint = fingerprint_of(folder) if fingerprint == "auto" else fingerprint
        self._samples, self._groups = [], {}
        self._current, self._context = None, None
        self._steps, self._used_steps = 0, set()
        self._position, self._passes_here, self._condition_groups = None, 0, []
        self._arguments = inspect.signature(type(self.transformer).forward)

    # -- the `with` block

    def __enter__(self):
        self.out.mkdir(parents=True, exist_ok=True)
        self._spool = Spool(self.out / f".capture-{os.getpid()}.part")
        hooks = [
            self.transformer.register_forward_pre_hook(self._begin, with_kwargs=True),
            self.blocks[0][0].register_forward_pre_hook(self._enter, with_kwargs=True),
            *(
                block.register_forward_hook(functools.partial(self._after, index))
                for index, (block, _) in enumerate(self.blocks)
            ),
            self.transformer.register_forward_hook(self._end),
        ]
        self._undo = [*(hook.remove for hook in hooks), *self._watch_passes()]
        return self

    def __exit__(self, kind, error, trace):
        for undo in self._undo:
            undo()
        try:
            if kind is None:
                self._write()
        finally:
            self._spool.close()

    def _watch_passes(self):
        """diffusers names the pass that begins (`cache_context`), and sets the schedule when a generation begins."""
        undo = []
        scheduler, transformer = self.pipe.scheduler, self.transformer
        set_timesteps = scheduler.set_timesteps

        @functools.wraps(set_timesteps)
        def generation_begins(*args, **kwargs):
            self._position, self._passes_here = None, 0
            return set_timesteps(*args, **kwargs)

        scheduler.set_timesteps = generation_begins
        undo.append(lambda: delattr(scheduler, "set_timesteps"))
        cache_context = getattr(transformer, "cache_context", None)
        if cache_context is not None:

            @functools.wraps(cache_context)
            @contextlib.contextmanager
            def named(context):
                self._context = context
                try:
                    with cache_context(context):
                        yield
                finally:
                    self._context = None

            transformer.cache_context = named
            undo.append(lambda: delattr(transformer, "cache_context"))
        return undo

    # -- hooks

    def _begin(self, _, args, kwargs):
        self._current = None
        given = self._arguments.bind(self.transformer, *args, **kwargs).arguments
        controls = [name for name in given if name.startswith("controlnet") and given[name] is not None]
        if controls:
            raise CaptureError(f"{', '.join(controls)}: states between blocks are changed by a ControlNet. Run without it.")
        # Skip-layer guidance runs a part of the depth.
        if given.get("skip_layers") is not None:
            return
        step = self._step(given["timestep"])
        if step != self._position:
            self._position, self._passes_here = step, 0
        negative = self._context == "uncond" or (self._context is None and self._passes_here > 0)
        self._passes_here += 1
        total = len(self.pipe.scheduler.timesteps)
        wanted = min(self.timesteps, total)
        chosen = [int((k + 0.5) * total / wanted) for k in range(wanted)]
        self._is_last_step = step >= chosen[-1]
        if step not in chosen or (negative and self.passes == "conditional"):
            return
        self._used_steps.add(step)
        self._steps = max(self._steps, total)
        batch = max(given["hidden_states"].shape[0], given["encoder_hidden_states"].shape[0])
        both = self.family["both_in_batch"] and getattr(self.pipe, "do_classifier_free_guidance", False)
        # The conditional half comes second; it is taken first, as its prompt groups are those of the other.
        elements = [(b, False) for b in range(batch // 2, batch)] if both else [(b, negative) for b in range(batch)]
        if both and self.passes == "both":
            elements += [(b, True) for b in range(batch // 2)]
        self._current = [self._sample(given, b, is_negative, at) for at, (b, is_negative) in enumerate(elements)]

    def _step(self, timestep):
        """Place in the schedule of the generation."""
        scheduler = self.pipe.scheduler
        index = getattr(scheduler, "step_index", None)
        if index is not None:
            return int(index)
        if hasattr(scheduler, "begin_index"):
            return int(scheduler.begin_index or 0)
        scheduled = torch.as_tensor(scheduler.timesteps, dtype=torch.float64).cpu()
        now = timestep.reshape(-1)[0].double().cpu() * (1000 / self.family["scale"])
        return int((scheduled - now).abs().argmin())

    def _sample(self, given, element, negative, at):
        """What is known of a sample before its states are computed."""

        def own(name):
            tensor = given.get(name)
            return None if tensor is None else tensor[element if tensor.shape[0] > 1 else 0]

        text, mask = own("encoder_hidden_states"), own("encoder_hidden_states_mask")
        valid = torch.ones(text.shape[0], dtype=torch.bool) if mask is None else mask.bool().cpu()
        timestep = given["timestep"].reshape(-1)
        timestep = timestep[element if timestep.shape[0] > 1 else 0]
        inputs = {"hidden_states": own("hidden_states"), "encoder_hidden_states": text, "timestep": timestep.float()}
        inputs |= {name: own(name) for name in self.family["per_sample"] if given.get(name) is not None}
        inputs = {name: tensor.detach().cpu() for name, tensor in inputs.items()}
        group = self._condition_groups[at % len(self._condition_groups)] if negative and self._condition_groups else None
        if group is None:
            parts = [inputs["encoder_hidden_states"][valid], *(inputs[n] for n in ("pooled_projections",) if n in inputs)]
            key = hashlib.sha256(b"".join(raw(part) for part in parts)).digest()
            group = self._groups.setdefault(key, len(self._groups))
        if not negative:
            self._condition_groups = [*self._condition_groups[:at], group]
        number = len(self._samples) + at
        shapes = given.get("img_shapes")
        if shapes is not None:
            shapes = shapes[element if len(shapes) > 1 else 0] if isinstance(shapes[0], (list, tuple)) else shapes
            shapes = [list(map(int, one)) for one in ([shapes] if isinstance(shapes[0], int) else shapes)]
        positions = {}
        for name in self.family["positions"]:
            ids = given[name]
            positions[name] = (ids[0] if ids.ndim == 3 else ids).detach().cpu()
        return dict(
            element=element, negative=negative, group=group, level=float(timestep.double()) / self.family["scale"],
            valid=valid, text_tokens=int(text.shape[0]), shapes=shapes, positions=positions, inputs=inputs,
            number=number, picks={}, at={}, previous={}, whole={},
        )  # fmt: skip

    def _enter(self, _, args, kwargs):
        if self._current is None:
            return
        first = dict(zip(("hidden_states", "encoder_hidden_states"), args)) | kwargs
        self._record(INPUT, first["hidden_states"], first["encoder_hidden_states"])

    def _after(self, index, _, args, output):
        if self._current is None:
            return
        if isinstance(output, torch.Tensor):
            # One sequence, text first.
            tokens = self._current[0]["text_tokens"]
            text, image = output[:, :tokens], output[:, tokens:]
        else:
            text, image = output[0], output[1]
        # Nothing reads the text after the last block, whatever the block makes of it: it stays as it was.
        self._record(index, image, None if index == len(self.blocks) - 1 else text)

    def _record(self, index, image, text):
        self._width = image.shape[-1]
        for sample in self._current:
            for stream, state in (("image", image), ("text", text)):
                if index == INPUT:
                    sample["picks"][stream] = self._pick(sample, stream, state.shape[1])
                if state is None:
                    sample["at"][index, stream] = sample["at"][index - 1, stream]
                    if index in self.boundaries:
                        whole = sample["previous"][stream]
                        sample["whole"][index, stream] = self._spool.add(whole), tuple(whole.shape)
                    continue
                of_sample = state[sample["element"] if state.shape[0] > 1 else 0].detach()
                picked = torch.as_tensor(sample["picks"][stream], dtype=torch.int64, device=of_sample.device)
                rows = of_sample.index_select(0, picked).to("cpu").to(STORED[self.dtype])
                if not torch.isfinite(rows.float()).all():
                    place = "the embedded input" if index == INPUT else f"the state after block {index}"
                    raise CaptureError(
                        f"{stream}: {place} holds values that are not finite in {self.dtype} (sample {sample['number']}). "
                        "Capture with another dtype, or run the model in one that does not overflow."
                    )
                sample["at"][index, stream] = self._spool.add(rows)
                if self.boundaries:
                    whole = of_sample.to("cpu").to(STORED[self.dtype]) if index in self.boundaries else None
                    if whole is not None:
                        sample["whole"][index, stream] = self._spool.add(whole), tuple(whole.shape)
                    # The text after the last block is that before it.
                    keep = stream == "text" and index == len(self.blocks) - 2 and len(self.blocks) - 1 in self.boundaries
                    if keep:
                        sample["previous"][stream] = of_sample.to("cpu").to(STORED[self.dtype])

    def _pick(self, sample, stream, tokens):
        if stream == "text" and sample["negative"]:
            return []
        allowed = range(tokens) if stream == "image" else sample["valid"].nonzero().flatten().tolist()
        count = min(self.rows_per_sample, len(allowed))
        return sorted(random.Random(f"{self.seed} {sample['number']} {stream}").sample(list(allowed), count))

    def _end(self, _, args, output):
        current, self._current = self._current, None
        if current is None:
            return
        for sample in current:
            missing = [i for i in range(INPUT, len(self.blocks)) if (i, "image") not in sample["at"]]
            if missing:
                raise CaptureError(f"Block {missing[0]} did not run: a cache skips blocks. Disable it while capturing.")
            inputs = sample.pop("inputs")
            if not self.with_calibration:
                inputs = {}
            sample["inputs"] = {n: (self._spool.add(t), tuple(t.shape), t.dtype) for n, t in inputs.items()}
            sample["previous"] = {}
            self._samples.append(sample)
        if self.stop_early and self._is_last_step:
            self.pipe._interrupt = True

    # -- files

    def _write(self):
        if not self._samples:
            raise CaptureError("No forward pass was captured: run the pipeline inside the `with` block.")
        calibration = None
        if self.with_calibration:
            path = self.out / "calibration.safetensors"
            self._write_calibration(path)
            calibration = {"name": path.name, "digits": file_digits(path)}
        if self.intervals:
            self._write_boundaries(self.out / "boundaries.safetensors", calibration)
        self._write_trace(self.out / "trace.safetensors", calibration)

    def _write_trace(self, path, calibration):
        width = self._width
        kept = {stream: self._kept(stream) for stream in STREAMS}
        about, states = [], []
        for stream in STREAMS:
            counts = [len(rows) for rows in kept[stream]]
            total = sum(counts)

            def each(value, dtype, counts=counts):
                return torch.tensor([v for s, c in zip(self._samples, counts) for v in [value(s)] * c], dtype=dtype)

            tokens = [s["picks"][stream][row] for s, rows in zip(self._samples, kept[stream]) for row in rows]
            numbers = {id(s): i for i, s in enumerate(self._samples)}
            for name, values in (
                ("sample", each(lambda s: numbers[id(s)], torch.int32)),
                ("token", torch.tensor(tokens, dtype=torch.int32)),
                ("prompt_group", each(lambda s: s["group"], torch.int32)),
                ("timestep", each(lambda s: s["level"], torch.float64)),
            ):
                about.append((f"{stream}.{name}", NAMES[values.dtype], [total], [functools.partial(raw, values)]))
            for index in range(INPUT, len(self.blocks)):
                rows = self._rows(stream, index, width, kept[stream])
                states.append((state_name(stream, index), self.dtype, [total, width], rows))
        about.sort(key=lambda tensor: tensor[1] != "F64")  # widest first, so that every tensor is aligned
        sampling = {
            "seed": self.seed, "rows": self.rows, "rowsPerSample": self.rows_per_sample, "samples": len(self._samples),
            "promptGroups": len(self._groups), "steps": sorted(self._used_steps), "ofSteps": self._steps,
            "passes": self.passes, "negativeSamples": sum(s["negative"] for s in self._samples),
        }  # fmt: skip
        write_safetensors(path, [*about, *states], {
            "contigua_trace": VERSION,
            "model": json.dumps(self._model()),
            "sampling": json.dumps(sampling),
            "calibration": json.dumps(calibration),
            "versions": json.dumps({"writer": "contigua_capture.py", **versions()}),
        })  # fmt: skip

    def _model(self):
        """What the files say of the model."""
        stacks, first = [], 0
        for attribute, stack, label in self.family["stacks"]:
            count = len(getattr(self.transformer, attribute))
            stacks.append({"id": stack, "label": label, "first": first, "last": first + count - 1})
            first += count
        last = len(self.blocks) - 1
        config = json_of({**self.transformer.config, "_class_name": type(self.transformer).__name__})
        return {
            "name": self.name,
            "className": type(self.transformer).__name__,
            "fingerprint": self.fingerprint,
            "width": self._width,
            "streams": [{"id": stream, "label": stream} for stream in STREAMS],
            "stacks": stacks,
            "blocks": [
                {"kind": "single" if stack == "single" else "dual", "stack": stack,
                 "updates": ["image"] if i == last else ["image", "text"]}
                for i, (_, stack) in enumerate(self.blocks)
            ],
            "config": config,
        }  # fmt: skip

    def _kept(self, stream):
        """Which of each sample's picked rows stay, so that all samples give equal shares of `rows`."""
        counts = [len(sample["picks"][stream]) for sample in self._samples]
        if sum(counts) <= self.rows:
            return [range(count) for count in counts]
        left, shares = self.rows, [0] * len(counts)
        order = list(range(len(counts)))
        random.Random(f"{self.seed} {stream}").shuffle(order)
        while left > 0:
            open_ = [i for i in order if shares[i] < counts[i]]
            each = max(1, left // len(open_))
            for i in open_[:left]:
                more = min(each, counts[i] - shares[i], left)
                shares[i] += more
                left -= more
        return [
            sorted(random.Random(f"{self.seed} {i} {stream} rows").sample(range(count), share))
            for i, (count, share) in enumerate(zip(counts, shares))
        ]

    def _rows(self, stream, index, width, kept):
        size = width * STORED[self.dtype].itemsize
        for sample, rows in zip(self._samples, kept):
            offset, length = sample["at"][index, stream]
            stored = self._spool.read(offset, length)
            yield stored if len(rows) * size == length else b"".join(stored[r * size : (r + 1) * size] for r in rows)

    def _write_calibration(self, path):
        samples = self._samples
        tokens = max(sample["text_tokens"] for sample in samples)
        padded = any(sample["text_tokens"] != tokens or not sample["valid"].all() for sample in samples)
        takes_mask = "encoder_hidden_states_mask" in self._arguments.parameters
        if padded and not takes_mask:
            raise CaptureError(
                "Text states have different lengths, which this model's calibration cannot hold. "
                "Give every call the same max_sequence_length, or capture with calibration=False."
            )
        tensors = []
        for name in samples[0]["inputs"]:
            shapes = {sample["inputs"][name][1] for sample in samples}
            dtype = samples[0]["inputs"][name][2]
            if name == "encoder_hidden_states":
                shape = (tokens, samples[0]["inputs"][name][1][1])
            elif len(shapes) > 1:
                raise CaptureError(
                    f"{name} has different shapes ({sorted(shapes)}): a calibration holds pictures of one size. "
                    "Generate pictures of one size, or capture with calibration=False."
                )
            else:
                (shape,) = shapes
            tensors.append((name, NAMES[dtype], [len(samples), *shape], self._padded(name, math.prod(shape) * dtype.itemsize)))
        if padded:
            mask = torch.zeros(len(samples), tokens, dtype=torch.bool)
            for row, sample in zip(mask, samples):
                row[: sample["text_tokens"]] = sample["valid"]
            tensors.append(("encoder_hidden_states_mask", "BOOL", list(mask.shape), [functools.partial(raw, mask)]))
        for name in self.family["positions"]:
            ids = samples[0]["positions"][name]
            if any(not torch.equal(sample["positions"][name], ids) for sample in samples):
                raise CaptureError(f"{name} differs between samples. Capture with calibration=False, or one size at a time.")
            tensors.append((name, NAMES[ids.dtype], list(ids.shape), [functools.partial(raw, ids)]))
        groups = torch.tensor([sample["group"] for sample in samples], dtype=torch.int64)
        tensors.append(("prompt_group", "I64", [len(samples)], [functools.partial(raw, groups)]))
        wide = {"I64": 8, "F64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2}
        tensors.sort(key=lambda tensor: -wide.get(tensor[1], 1))
        metadata = {"format": "pt"}
        if samples[0]["shapes"] is not None:
            metadata["img_shapes"] = json.dumps([sample["shapes"] for sample in samples])
        write_safetensors(path, tensors, metadata)

    def _padded(self, name, size):
        for sample in self._samples:
            (offset, length), _, _ = sample["inputs"][name]
            yield self._spool.read(offset, length) + bytes(size - length)

    def _write_boundaries(self, path, calibration):
        tensors = []
        for stream in STREAMS:
            most = max(sample["whole"][self.boundaries[0], stream][1][0] for sample in self._samples)
            width = self._samples[0]["whole"][self.boundaries[0], stream][1][1]
            size = most * width * STORED[self.dtype].itemsize

            def padded(index, stream=stream, size=size):
                for sample in self._samples:
                    (offset, length), _ = sample["whole"][index, stream]
                    yield self._spool.read(offset, length) + bytes(size - length)

            for index in self.boundaries:
                shape = [len(self._samples), most, width]
                tensors.append((state_name(stream, index), self.dtype, shape, padded(index)))
        write_safetensors(path, tensors, {
            "contigua_boundaries": BOUNDARIES_VERSION,
            "intervals": json.dumps(self.intervals),
            "model": json.dumps(self._model()),
            "calibration": json.dumps(calibration),
        })  # fmt: skip


class Spool:
    """One temporary file that takes tensors as they come."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "w+b")
        self.end = 0

    def add(self, tensor):
        data = raw(tensor)
        self.file.seek(self.end)
        self.file.write(data)
        span = (self.end, len(data))
        self.end += len(data)
        return span

    def read(self, offset, length):
        self.file.seek(offset)
        return self.file.read(length)

    def close(self):
        self.file.close()
        self.path.unlink(missing_ok=True)


def state_name(stream, index):
    return f"{stream}.input" if index == INPUT else f"{stream}.after.{index}"


def raw(tensor):
    """Bytes of a tensor in C order, little-endian."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def write_safetensors(path, tensors, metadata):
    """tensors: (name, dtype, shape, pieces of its bytes, or functions that give them). Whole or not at all."""
    header, position = {"__metadata__": metadata}, 0
    widths = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2, "U8": 1, "BOOL": 1}
    for name, dtype, shape, _ in tensors:
        size = math.prod(shape) * widths[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name, _, _, pieces in tensors:
                for piece in pieces:
                    file.write(piece() if callable(piece) else piece)
                begin, end = header[name]["data_offsets"]
                if file.tell() != 8 + len(text) + end:
                    raise CaptureError(f"{name}: {file.tell() - 8 - len(text) - begin} bytes were written, not {end - begin}.")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def file_digits(path):
    """Contigua's short name for the bytes of a file."""
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            whole.update(hashlib.sha256(piece).digest())
    return whole.hexdigest()[:16]


def fingerprint_of(folder):
    """Contigua's fingerprint of a transformer folder; None where it holds no config.json with safetensors files."""
    folder = Path(folder)
    files = sorted(folder.glob("*.safetensors"))
    if not files or not (folder / "config.json").is_file():
        return None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("_class_name") not in IDENTITY:
        return None
    keys, switches, sampled = (words.split() for words in IDENTITY[config["_class_name"]])
    tensors = {}
    for path in files:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        header.pop("__metadata__", None)
        tensors |= {name: (path, 8 + size, entry) for name, entry in header.items()}
    known = [[key, config.get(key)] for key in keys] + [[key, True] for key in switches if config.get(key) is True]
    inventory = [[name, tensors[name][2]["dtype"], tensors[name][2]["shape"]] for name in sorted(tensors)]
    whole = hashlib.sha256(hashlib.sha256(javascript_json({"config": known, "inventory": inventory}).encode()).digest())
    for name in sorted(tensors):
        path, start, entry = tensors[name]
        if name in sampled or (name.startswith("transformer_blocks.0.") and len(entry["shape"]) == 1):
            begin, end = entry["data_offsets"]
            with open(path, "rb") as file:
                file.seek(start + begin)
                whole.update(hashlib.sha256(file.read(end - begin)).digest())
    return f"sha256:{whole.hexdigest()}"


def javascript_json(value):
    """As JSON.stringify writes it, whose numbers differ from Python's: 3.0 is 3, and 1e-06 is 0.000001."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{javascript_json(key)}:{javascript_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(javascript_json, value)) + "]"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
        text = repr(value)
        if "e" not in text:
            return text
        if abs(value) >= 1e-6:
            return f"{decimal.Decimal(text):f}"
        mantissa, exponent = text.split("e")
        return f"{mantissa}e{int(exponent):+d}"
    return json.dumps(value, ensure_ascii=False)


def json_of(config):
    """What a config.json would hold of it."""
    return {key: value for key, value in config.items() if key == "_class_name" or not key.startswith("_")}


def versions():
    import diffusers

    return {"diffusers": diffusers.__version__, "torch": torch.__version__}


# -- the command


def main(argv=None):
    about = "Captures hidden states of a diffusers pipeline for Contigua. The module's text describes the files."
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("model", help="folder or repository of a pipeline")
    parser.add_argument("--prompts", required=True, help="text file, one prompt a line; IMAGE<TAB>PROMPT for edit pipelines")
    parser.add_argument("--out", required=True, help="folder of the files")
    parser.add_argument("--rows", type=int, default=2048, help="rows of each stream (2048)")
    parser.add_argument("--timesteps", type=int, default=8, help="captured steps of each generation (8)")
    parser.add_argument("--steps", type=int, default=28, help="steps of each generation (28)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--height", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--guidance", type=float, help="true_cfg_scale or guidance_scale, whichever the pipeline takes")
    parser.add_argument("--negative-prompt")
    parser.add_argument("--passes", choices=("conditional", "both"), default="conditional")
    parser.add_argument("--max-sequence-length", type=int)
    parser.add_argument("--intervals", default="[]", help="as in [[3,4],[5,7]]: also write their boundary states")
    parser.add_argument("--fingerprint", default="auto", help="of `contigua inspect MODEL --json`; auto reads the files")
    parser.add_argument("--dtype", default="auto", help="of stored states: auto, F32, BF16 or F16")
    parser.add_argument("--model-dtype", default="bfloat16", help="the model's (bfloat16)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--offload", action="store_true", help="keep parts of the model on the CPU until they run")
    parser.add_argument("--no-calibration", action="store_true")
    args = parser.parse_args(argv)

    from diffusers import DiffusionPipeline

    lines = [line.strip() for line in Path(args.prompts).read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise CaptureError(f"{args.prompts} holds no prompts.")
    pipe = DiffusionPipeline.from_pretrained(args.model, torch_dtype=getattr(torch, args.model_dtype))
    pipe = pipe if args.offload else pipe.to(args.device)
    if args.offload:
        pipe.enable_model_cpu_offload(device=args.device)
    pipe.set_progress_bar_config(disable=True)
    takes = inspect.signature(type(pipe).__call__).parameters
    steps = min(args.timesteps, args.steps)
    # Two where the negative prompt's passes are captured too; one too few only makes the file smaller.
    per_prompt = steps * (2 if args.passes == "both" else 1)
    with Capture(
        pipe, args.out, rows=args.rows, timesteps=args.timesteps, seed=args.seed, samples=len(lines) * per_prompt,
        passes=args.passes, dtype=args.dtype, calibration=not args.no_calibration, intervals=json.loads(args.intervals),
        name=args.model.rstrip("/").split("/")[-1], fingerprint=args.fingerprint, stop_early=True,
    ) as capture, torch.no_grad():  # fmt: skip
        for number, line in enumerate(lines):
            image, prompt = line.split("\t", 1) if "\t" in line else (None, line)
            options = {
                "height": args.height, "width": args.width, "negative_prompt": args.negative_prompt,
                "max_sequence_length": args.max_sequence_length,
                "true_cfg_scale" if "true_cfg_scale" in takes else "guidance_scale": args.guidance,
            }  # fmt: skip
            options = {key: value for key, value in options.items() if value is not None and key in takes}
            if image is not None:
                from PIL import Image

                options["image"] = Image.open(image).convert("RGB")
            generator = torch.Generator().manual_seed(args.seed + number)
            pipe(prompt=prompt, num_inference_steps=args.steps, generator=generator, output_type="latent", **options)
            print(f"{number + 1} of {len(lines)} prompts, {len(capture._samples)} samples", file=sys.stderr)
    print(f"wrote {args.out}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except CaptureError as error:
        sys.exit(f"contigua_capture: {error}")
