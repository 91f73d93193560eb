"""Writes losses, gradients and ten optimizer steps of one student of each kind of block, from PyTorch; Qwen-Image's are in
distil_goldens.py, which says how they are made. The student of an interval is of the kind of its first block, and gives no
text where the interval ends with a block whose text nothing reads: no loss has a text then.

  python training/kind_goldens.py        # torch, diffusers, numpy; half a minute
"""

import contextlib
import copy
import json

import diffusers
import diffusers.models.embeddings as embeddings
import torch

import goldens
from distil_goldens import (
    FOLDER, MAGNITUDE_WEIGHT, OPTIMIZER, deviation, gradients, number, optimised, stream_loss, summary,
)  # fmt: skip

BATCH, IMAGE, TEXT, GRID = 4, 15, 7, (3, 5)
LEVELS = [0.37, 0.81, 0.12, 0.59]
LOSSES = ("direction-magnitude", "mse")
BOTH = ("image", "text")
FLUX = {**goldens.FLUX, "num_layers": 3, "num_single_layers": 4, "guidance_embeds": True}
SD3 = {**goldens.SD3, "num_layers": 5, "patch_size": 2, "qk_norm": "rms_norm", "dual_attention_layers": (0,)}
FLUX2 = {**goldens.FLUX2, "num_layers": 3, "num_single_layers": 4}
GUIDANCE = 3.5


def values(number, which, *shape):
    """Inputs of batch `number`: tensor indices as golden-fill.ts has them."""
    step = 1000 if which == goldens.POOLED else 2
    return goldens.hashed(which + step * number, *shape)


def flux_inputs(number):
    rows, columns = torch.meshgrid(*map(torch.arange, GRID), indexing="ij")
    return dict(
        hidden_states=values(number, goldens.HIDDEN, BATCH, IMAGE, FLUX["in_channels"]),
        encoder_hidden_states=values(number, goldens.TEXT, BATCH, TEXT, FLUX["joint_attention_dim"]),
        pooled_projections=values(number, goldens.POOLED, BATCH, FLUX["pooled_projection_dim"]),
        timestep=torch.tensor(LEVELS),
        img_ids=torch.stack([torch.zeros(GRID), rows, columns], -1).reshape(-1, 3).float(),
        txt_ids=torch.zeros(TEXT, 3),
        guidance=torch.full((BATCH,), GUIDANCE),
    )


def flux2_inputs(number):
    inputs = goldens.flux2_inputs(BATCH, TEXT, LEVELS, [[1, *GRID]], GUIDANCE, **FLUX2)
    return inputs | dict(
        hidden_states=values(number, goldens.HIDDEN, BATCH, IMAGE, FLUX2["in_channels"]),
        encoder_hidden_states=values(number, goldens.TEXT, BATCH, TEXT, FLUX2["joint_attention_dim"]),
    )


def sd3_inputs(number):
    height, width = (SD3["patch_size"] * side for side in GRID)
    return dict(
        hidden_states=values(number, goldens.HIDDEN, BATCH, SD3["in_channels"], height, width),
        encoder_hidden_states=values(number, goldens.TEXT, BATCH, TEXT, SD3["joint_attention_dim"]),
        pooled_projections=values(number, goldens.POOLED, BATCH, SD3["pooled_projection_dim"]),
        timestep=1000 * torch.tensor(LEVELS),
    )


def flux_blocks(model):
    return [*model.transformer_blocks, *model.single_transformer_blocks]


def sd3_blocks(model):
    return [*model.transformer_blocks]


def sd3_last(blocks, first, last):
    """The last block's place takes a block without the text's output: the modulation keeps scale and shift of the attention."""
    weights = blocks[first].state_dict()
    for part in ("weight", "bias"):
        shift, scale, *_ = weights[f"norm1_context.linear.{part}"].chunk(6)
        weights[f"norm1_context.linear.{part}"] = torch.cat([scale, shift])
    student = copy.deepcopy(blocks[last])
    student.load_state_dict({name: weights[name] for name in student.state_dict()})
    return student


# family, class, config, inputs, blocks in order, interval, streams that are learnt, the student where it is no copy
FLUX_FAMILY = ("flux", "FluxTransformer2DModel", FLUX, flux_inputs, flux_blocks)
FLUX2_FAMILY = ("flux2", "Flux2Transformer2DModel", FLUX2, flux2_inputs, flux_blocks)
SD3_FAMILY = ("sd3", "SD3Transformer2DModel", SD3, sd3_inputs, sd3_blocks)
KINDS = {
    "flux-dual": (*FLUX_FAMILY, (1, 2), BOTH, None),
    "flux-single": (*FLUX_FAMILY, (4, 5), BOTH, None),
    "flux-last-single": (*FLUX_FAMILY, (5, 6), ("image",), None),
    "flux2-dual": (*FLUX2_FAMILY, (1, 2), BOTH, None),
    "flux2-single": (*FLUX2_FAMILY, (4, 5), BOTH, None),
    "sd3-joint": (*SD3_FAMILY, (1, 2), BOTH, None),
    "sd3-dual-attention": (*SD3_FAMILY, (0, 1), BOTH, None),
    "sd3-last": (*SD3_FAMILY, (3, 4), ("image",), sd3_last),
}


@contextlib.contextmanager
def rounded_frequencies():
    """PyTorch's float32 exponential is a step beside the correctly rounded one at places that depend on the processor, which turns the
    angles of time steps in the hundreds by hundredths."""
    sinusoid, own = embeddings.get_timestep_embedding, torch.exp

    def rounded(*args, **kwargs):
        torch.exp = lambda exponent: own(exponent.double()).to(exponent.dtype)
        try:
            return sinusoid(*args, **kwargs)
        finally:
            torch.exp = own

    embeddings.get_timestep_embedding = rounded
    yield
    embeddings.get_timestep_embedding = sinusoid


class Kind:
    def __init__(self, dtype, family, class_name, config, inputs, blocks_of, interval, streams, student_of):
        self.dtype, self.inputs, self.streams, (self.first, self.last) = dtype, inputs, streams, interval
        self.model = goldens.golden_model(class_name, config).to(dtype).requires_grad_(False)
        self.blocks = blocks_of(self.model)
        start = student_of(self.blocks, self.first, self.last) if student_of else self.blocks[self.first]
        self.start = copy.deepcopy(start)

    @torch.no_grad()
    def states(self, number):
        """Arguments of the interval's first block, and (image, text) after its last one, as the teacher has them."""
        seen = {}
        hooks = [
            self.blocks[self.first].register_forward_pre_hook(lambda _, args, kwargs: seen.update(entering=kwargs), with_kwargs=True),
            self.blocks[self.last].register_forward_hook(lambda _, args, out: seen.update(target=out)),
        ]
        # Time steps, positions and guidance stay float32, as the TypeScript rounds the sinusoid's arguments.
        wide = lambda name, tensor: tensor.to(self.dtype) if name.endswith(("states", "projections")) else tensor
        self.model(**{name: wide(name, tensor) for name, tensor in self.inputs(number).items()})
        for hook in hooks:
            hook.remove()
        entering, target = seen["entering"], seen["target"]
        if isinstance(target, torch.Tensor):  # FLUX.2's single blocks take and give text and image as one sequence
            target = target.split([TEXT, IMAGE], 1)
            text, image = entering["hidden_states"].split([TEXT, IMAGE], 1)
            entering = entering | dict(hidden_states=image, encoder_hidden_states=text, split_hidden_states=True)
        text, image = target
        return entering, dict(image=image, text=text)

    def losses(self, name, student, number):
        entering, target = self.states(number)
        text, image = student(**entering)
        found = dict(image=image, text=text)
        return {s: stream_loss(name, found[s].flatten(0, 1), target[s].flatten(0, 1)) for s in self.streams}

    def golden(self):
        gradient = {}
        for name in LOSSES:
            student = copy.deepcopy(self.start).requires_grad_(True)
            losses = self.losses(name, student, 0)
            sum(losses.values()).backward()
            found = gradients(student)
            # A bias of all keys changes no attention: what float64 gives for it is rounding.
            largest = max(g.norm() for g in found.values())
            found = {n: torch.zeros_like(g) if g.norm() < 1e-12 * largest else g for n, g in found.items()}
            gradient[name] = {k: number(v) for k, v in losses.items()} | dict(gradient=summary(found))
        student = copy.deepcopy(self.start).requires_grad_(True)
        with torch.no_grad():
            held_out = self.losses("direction", student, 0)
        curve, weights = optimised(student, lambda step, _: self.losses(LOSSES[0], student, step))
        return dict(
            losses=gradient,
            steps=dict(
                loss=LOSSES[0],
                heldOut={k: number(v) for k, v in held_out.items()},
                curve=curve,
                change=summary({name: w.detach() - self.start.get_parameter(name) for name, w in weights.items()}),
            ),
        )


def main():
    diffusers.utils.logging.set_verbosity_error()
    for name, (family, class_name, config, inputs, blocks_of, interval, streams, student_of) in KINDS.items():
        with rounded_frequencies():
            made = [
                Kind(dtype, family, class_name, config, inputs, blocks_of, interval, streams, student_of).golden()
                for dtype in (torch.float64, torch.float32)
            ]
        header = dict(
            generator="python training/kind_goldens.py",
            reference=f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float64, CPU",
            config=json.loads(json.dumps(dict(_class_name=class_name, **config))),
            interval=dict(first=interval[0], last=interval[1]),
            batch=BATCH, imageTokens=IMAGE, textTokens=TEXT, imageShapes=[[1, *GRID]], timestep=LEVELS, guidance=GUIDANCE,
            magnitudeWeight=MAGNITUDE_WEIGHT,
            optimizer=OPTIMIZER,
            float32=deviation(*made),
        )  # fmt: skip
        (FOLDER / f"kind-{name}.json").write_text(json.dumps(header | made[0]) + "\n")
        print(name, header["float32"], {k: v for k, v in made[0]["losses"]["mse"].items() if k != "gradient"})


if __name__ == "__main__":
    main()
