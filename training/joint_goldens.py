"""Writes what the joint fine-tune of a narrower student is held to: its loss, gradients and ten optimizer steps, from PyTorch.

The teacher is the golden model with six blocks. The student model has a copy of block 2 in the place of blocks 2 and 3, linear maps in
the place of feed-forward layers, a text group and two shared modulations. Its blocks are diffusers' own modules; only the
order in which a narrower block calls them is written out here, as PPCL's class does it, but that the text mask holds and that each
stream has its own feed-forward map. What is trained has the names of the fine-tuned file (docs/student-format.md).
lib/core/distil/goldens/README.md says what the file holds.

  python training/joint_goldens.py        # torch, diffusers >= 0.37, numpy; a few seconds
"""

import copy
import json
import types

import diffusers
import diffusers.models.transformers.transformer_qwenimage as qwen
import torch

import goldens
from distil_goldens import (
    CONFIG, FOLDER, OPTIMIZER, batch_inputs, deviation, gradients, number, optimised, set_precision, summary,
)  # fmt: skip

BLOCKS, SAMPLES = 6, 2
FIRST, LAST = 2, 3
GROUP = (1, 4)
KEPT = [0, 1, 2, 4, 5]
HELD = {2, 4}  # blocks of the group after its first
MAPS = [(0, "img_ffn_proj"), (2, "txt_proj"), (2, "img_ffn_proj"), (4, "txt_proj"), (4, "ehs_proj")]
SHARED = [([0, 2], 3), ([1, 4], 2)]  # blocks, rank
FIRST_INDEX = 5000  # tensor indices of maps and modulations, in the order in which they are made
SIZE = 0.2


class NarrowerBlock(qwen.QwenImageTransformerBlock):
    """diffusers' block, with `maps` by name, and `carried`, where a block with a text stream leaves its modulated text."""

    def forward(self, hidden_states, encoder_hidden_states, encoder_hidden_states_mask, temb, image_rotary_emb, **_):
        image, text, maps = hidden_states, encoder_hidden_states, self.maps
        image_mods = self.img_mod(temb).chunk(2, -1)
        image_given, image_gate = self._modulate(self.img_norm1(image), image_mods[0])
        if "txt_proj" in maps:
            text_given = self.carried["text"] + maps["txt_proj"](self.carried["text"])
        else:
            text_mods = self.txt_mod(temb).chunk(2, -1)
            text_given, text_gate = self._modulate(self.txt_norm1(text), text_mods[0])
            self.carried["text"] = text_given
        image_out, text_out = self.attn(
            hidden_states=image_given,
            encoder_hidden_states=text_given,
            encoder_hidden_states_mask=encoder_hidden_states_mask,
            image_rotary_emb=image_rotary_emb,
        )
        image = self.fed_forward(image + image_gate * image_out, "img", image_mods[1])
        if "txt_proj" not in maps:
            text = self.fed_forward(text + text_gate * text_out, "txt", text_mods[1])
        elif "ehs_proj" in maps:
            text = text + maps["ehs_proj"](text)
        return text, image

    def fed_forward(self, x, stream, mods):
        if f"{stream}_ffn_proj" in self.maps:
            return x + self.maps[f"{stream}_ffn_proj"](x)
        given, gate = self._modulate(getattr(self, f"{stream}_norm2")(x), mods)
        return x + gate * getattr(self, f"{stream}_mlp")(given)


class SharedModulation(torch.nn.Module):
    """m + Dᵀ U (c − m), which blocks read in place of the conditioning c; rows of U have length one when training starts."""

    def __init__(self, rank, width, take):
        super().__init__()
        basis, directions, mean = take(rank, width), take(rank, width), take(width)
        length = basis.norm(dim=1, keepdim=True)
        self.basis = torch.nn.Parameter(basis / length)
        self.directions = torch.nn.Parameter(directions * length)
        self.mean = torch.nn.Parameter(mean)

    def forward(self, conditioning):
        return self.mean + (conditioning - self.mean) @ self.basis.T @ self.directions


def taker(dtype):
    """Hashed tensors, one index after another."""
    indices = iter(range(FIRST_INDEX, FIRST_INDEX + 100))
    return lambda *shape: (SIZE * goldens.hashed(next(indices), *shape).double()).float().to(dtype)


def narrower_student(teacher, dtype):
    """The student model, and by the names of the fine-tuned file all that is trained."""
    model, take, carried = copy.deepcopy(teacher), taker(dtype), {}
    blocks = {old: model.transformer_blocks[old] for old in KEPT}
    model.transformer_blocks = torch.nn.ModuleList(blocks.values())
    trained = {}
    for block in blocks.values():
        block.__class__, block.carried, block.maps = NarrowerBlock, carried, torch.nn.ModuleDict()
    width = model.inner_dim
    for old, name in MAPS:
        linear = torch.nn.Linear(width, width, dtype=dtype)
        linear.weight, linear.bias = torch.nn.Parameter(take(width, width)), torch.nn.Parameter(take(width))
        blocks[old].maps[name] = linear
        trained |= {f"{old}.{name}.weight": linear.weight, f"{old}.{name}.bias": linear.bias}
    for place, (of, rank) in enumerate(SHARED):
        shared = SharedModulation(rank, width, take)
        trained |= {f"modulation.{place}.{name}": weight for name, weight in shared.named_parameters()}
        for block in (blocks[old] for old in of):
            for matrix in (block.img_mod[1], block.txt_mod[1]):
                matrix.register_forward_pre_hook(lambda _, args, shared=shared: (shared(*args),))
    for position, (old, block) in enumerate(blocks.items()):
        gone = ("txt_mod.", "txt_mlp.") if old in HELD else ()
        gone += tuple(f"{name.split('_')[0]}_mlp." for name in block.maps if name.endswith("ffn_proj"))
        for name, weight in block.named_parameters():
            if not name.startswith((*gone, "maps.")):
                trained[f"transformer_blocks.{position}.{name}"] = weight.requires_grad_(True)
    return model, trained


def velocity_error(teacher, student, batch, dtype):
    inputs = batch_inputs(batch, dtype, slice(0, SAMPLES))
    with torch.no_grad():
        expected = teacher(**inputs)[0]
    return (student(**inputs)[0] - expected).square().mean()


def joint_golden(dtype):
    teacher = goldens.golden_model("QwenImageTransformer2DModel", {**CONFIG, "num_layers": BLOCKS})
    teacher = teacher.to(dtype).requires_grad_(False)
    student, trained = narrower_student(teacher, dtype)
    module = types.SimpleNamespace(named_parameters=trained.items)
    loss = velocity_error(teacher, student, 0, dtype)
    loss.backward()
    gradient = summary(gradients(module))
    start = {name: weight.detach().clone() for name, weight in trained.items()}

    curve, weights = optimised(module, lambda step, _: dict(image=velocity_error(teacher, student, step, dtype)))
    # What no loss reaches is decayed by the trainer, and by PyTorch's AdamW where its gradient is zero and not none.
    reached = {name: weight for name, weight in weights.items() if weight.grad is not None and weight.grad.any()}
    return dict(
        loss=number(loss),
        gradient=gradient,
        curve=curve,
        change=summary({name: weight.detach() - start[name] for name, weight in reached.items()}),
    )


def main():
    diffusers.utils.logging.set_verbosity_error()
    found = []
    for dtype in (torch.float64, torch.float32):
        set_precision(dtype)
        found.append(joint_golden(dtype))
    header = dict(
        generator="python training/joint_goldens.py",
        reference=f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float64, CPU",
        case=dict(
            blocks=BLOCKS, interval=[FIRST, LAST], group=GROUP, samples=SAMPLES,
            maps=[f"{block}.{name}" for block, name in MAPS], modulations=[dict(blocks=b, rank=r) for b, r in SHARED],
            firstIndex=FIRST_INDEX, size=SIZE,
        ),
        optimizer=OPTIMIZER,
        float32=deviation(*found),
    )  # fmt: skip
    path = FOLDER / "joint.json"
    path.write_text(json.dumps(header | found[0]) + "\n")
    print(f"joint: {path.stat().st_size} bytes; float32 differs by {header['float32']}")


if __name__ == "__main__":
    main()
