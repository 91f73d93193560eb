"""A case: a small random model of one family, the arguments of its forward, how its weights are stored and what is edited.

A family registers a generator under its class name: `@family("FluxTransformer2DModel") def flux(draw): return Case(...)`. It draws
configuration and arguments; weights, files and edits are drawn here, the same way for all families.
"""

import json
import random
from dataclasses import dataclass, field

import diffusers
import torch
from safetensors.torch import save_file

GENERATORS = {}
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def family(class_name):
    def register(generator):
        GENERATORS[class_name] = generator
        return generator

    return register


@dataclass
class Case:
    class_name: str
    config: dict
    tensors: dict  # arguments that are tensors, under diffusers' names
    others: dict = field(default_factory=dict)  # arguments that a file carries as metadata
    stacks: tuple = ("transformer_blocks",)  # lists of blocks, in the order in which they run
    traits: list = field(default_factory=list)  # what is unusual about it, in words
    left_out: list = field(default_factory=list)  # buffers that the file does not hold, and that are computed
    dtype: str = "f32"
    spreads_rows: bool = True  # whether the class runs one row of states beside several time steps
    edits: list = field(default_factory=list)  # (stack, first, last, is a student), places in the stack


class Draw:
    """Seeded choices: everything about a case follows from its seed."""

    def __init__(self, seed):
        self.seed = seed
        self.python = random.Random(seed)
        self.torch = torch.Generator().manual_seed(seed if isinstance(seed, int) else self.python.getrandbits(63))

    def apart(self, label):
        """Choices of its own for a new question, so that the cases of a seed stay as they are where the answer is the old one."""
        return Draw(f"{self.seed} {label}")

    def of(self, *options):
        return self.python.choice(options)

    def between(self, low, high):
        return self.python.randint(low, high)

    def chance(self, share):
        return self.python.random() < share

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.torch)

    def axes(self, count, most=8):
        """Rotary dimensions of each axis: even, zero allowed, at least two together."""
        while True:
            axes = [2 * self.between(0, most // 2) for _ in range(count)]
            if sum(axes) > 0:
                return axes

    def times(self, batch, case):
        """Time steps as pipelines pass them, or as diffusers runs them too: whole, outside 0 to 1, one for all samples."""
        count = 1 if self.chance(0.2) else batch
        if count < batch:
            case.traits.append("one timestep")
        kind = self.of("f32", "f32", "f32", "f16", "bf16", "f64", "int64", "outside")
        if kind == "outside":
            case.traits.append("timestep outside 0..1")
            most = self.of(2, 2, 1000)
            return torch.tensor([self.python.uniform(-most, most) for _ in range(count)])
        if kind == "int64":
            case.traits.append("int64 timestep")
            return torch.tensor([self.between(0, self.of(1, 1000)) for _ in range(count)])
        values = torch.tensor([self.python.uniform(0, 1) for _ in range(count)])
        return values.to({"f64": torch.float64, **DTYPES}[kind])

    def mask(self, batch, tokens, case):
        kind = self.of("none", "prefix", "holes", "empty row", "ones")
        if kind == "none":
            return None
        case.traits.append(f"mask: {kind}")
        lengths = torch.tensor([[self.between(1, tokens)] for _ in range(batch)])
        mask = torch.arange(tokens)[None] < lengths
        if kind == "ones":
            mask = torch.ones(batch, tokens, dtype=torch.bool)
        if kind in ("holes", "empty row"):
            mask = torch.rand(batch, tokens, generator=self.torch) < 0.6
        if kind == "empty row":
            mask[self.between(0, batch - 1)] = False
        return mask.to(self.of(torch.bool, torch.int64, torch.float32))


def drawn(class_name, seed):
    draw = Draw(seed)
    case = GENERATORS[class_name](draw)
    case.class_name = class_name
    batch = case.tensors["hidden_states"].shape[0]
    # The conditioning of several time steps spreads one row of states over them, where no mask has other rows.
    if case.spreads_rows and batch == case.tensors["timestep"].shape[0] > 1 and case.tensors.get("encoder_hidden_states_mask") is None and draw.chance(0.3):
        name = draw.of("hidden_states", "encoder_hidden_states")
        case.tensors[name] = case.tensors[name][:1]
        case.traits.append(f"one row of {name}")
    case.dtype = draw.of(*DTYPES)
    return case, draw


def model_of(case, draw):
    """The class with random weights that the stored type holds exactly; a share of models has outliers."""
    torch.manual_seed(draw.between(0, 2**31))
    model = getattr(diffusers, case.class_name)(**case.config).eval().requires_grad_(False)
    scale = draw.of(1.0, 1.0, 2.0)
    outliers = draw.chance(0.25)
    if outliers:
        case.traits.append("outlier weights")
    for name, weight in model.named_parameters():
        if "norm" in name and weight.dim() == 1 and "linear" not in name:
            weight.copy_(1 + 0.3 * draw.normal(*weight.shape))
        elif weight.dim() == 1:
            weight.copy_(0.1 * draw.normal(*weight.shape))
        else:
            weight.mul_(scale)
        if outliers and draw.chance(0.2):
            flat = weight.view(-1)
            flat[draw.between(0, flat.numel() - 1)] *= draw.of(30.0, -100.0)
        weight.copy_(weight.to(DTYPES[case.dtype]).float())
    for name, table in model.named_buffers():
        if name not in model.state_dict() or name in case.left_out:
            continue
        if draw.chance(0.5):
            case.traits.append(f"{name} not as computed")
            table.add_(0.3 * draw.normal(*table.shape))
        table.copy_(table.to(DTYPES[case.dtype]).float())
    return model


def draw_edits(case, draw):
    """Disjoint runs of blocks, each in one stack, that lose all but their first block or make way for a student."""
    for stack in case.stacks:
        depth = case.config[STACK_DEPTH[stack]]
        at = 0
        while at + 1 < depth:
            first = draw.between(at, depth - 2)
            last = draw.between(first + 1, depth - 1)
            if draw.chance(0.5):
                case.edits.append((stack, first, last, draw.chance(0.6)))
            at = last + 1


STACK_DEPTH = {"transformer_blocks": "num_layers", "single_transformer_blocks": "num_single_layers"}


def save_case(case, draw, model, folder):
    shard = draw.of(None, None, "40KB", "8KB")
    if shard:
        case.traits.append("shards")
    stored = type(model)(**case.config)
    stored.load_state_dict(model.state_dict())
    stored = stored.to(DTYPES[case.dtype])
    for name in case.left_out:
        owner, _, buffer = name.rpartition(".")
        stored.get_submodule(owner)._non_persistent_buffers_set.add(buffer)
    stored.save_pretrained(folder / "model", **({"max_shard_size": shard} if shard else {}))
    save_inputs(case, folder / "inputs.safetensors")
    (folder / "case.json").write_text(json.dumps(dict(config=case.config, traits=case.traits, edits=case.edits, others=case.others)))


def save_inputs(case, path):
    tensors = {name: tensor.contiguous() for name, tensor in case.tensors.items() if tensor is not None}
    save_file(tensors, path, metadata={key: json.dumps(value) for key, value in case.others.items()})
