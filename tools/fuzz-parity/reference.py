"""What diffusers gives: in float32, and in float64 as the judge of the two where they differ."""

import contextlib
import copy
import math

import diffusers.models.embeddings as embeddings
import torch


def forward(model, case):
    """The output, or the name and words of diffusers' refusal."""
    arguments = {name: tensor for name, tensor in case.tensors.items() if tensor is not None}
    others = {key: tuples(value) if key == "img_shapes" else value for key, value in case.others.items()}
    try:
        with torch.no_grad():
            return model(**arguments, **others, return_dict=False)[0], None
    except Exception as error:  # whatever diffusers or torch raises is its refusal
        return None, f"{type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}"


def spread(case):
    """The case with one row of states repeated for every time step: what a single row means, where diffusers refuses to spread it."""
    batch = case.tensors["timestep"].shape[0]
    whole = copy.copy(case)
    whole.tensors = {
        name: tensor.expand(batch, *tensor.shape[1:]) if name.endswith("hidden_states") and tensor.shape[0] == 1 else tensor
        for name, tensor in case.tensors.items()
        if tensor is not None
    }
    return whole


def tuples(shapes):
    """A triple is one image; lists are lists of them."""
    return [tuple(s) if isinstance(s[0], int) else [tuple(image) for image in s] for s in shapes]


def forward_float64(model, case):
    """All of the arithmetic, positions and time's sinusoid included, in float64."""
    wide = copy.deepcopy(model).double()
    position = getattr(wide, "pos_embed", None)
    if hasattr(position, "pos_freqs"):
        for name, index in (("pos_freqs", torch.arange(4096)), ("neg_freqs", torch.arange(4096).flip(0) * -1 - 1)):
            setattr(position, name, torch.cat([angles(index, dim) for dim in position.axes_dim], 1))
        for cached in ("_compute_video_freqs", "_compute_condition_freqs", "_get_device_freqs"):
            getattr(getattr(type(position), cached, None), "cache_clear", lambda: None)()
    floating = lambda t: t.double() if t is not None and t.is_floating_point() else t
    widened = copy.copy(case)
    widened.tensors = {name: floating(tensor) for name, tensor in case.tensors.items()}
    with in_float64():
        output, refused = forward(wide, widened)
    assert refused is None, refused
    return output


def forward_rounded(model, case):
    """In float32, with the sinusoid's frequencies rounded correctly: PyTorch's own are one step beside at places that depend on the
    processor, which turns the angles of time steps in the hundreds by hundredths."""
    own = torch.exp
    with sinusoid_replaced(lambda exponent: own(exponent.double()).to(exponent.dtype)):
        output, refused = forward(model, case)
    assert refused is None, refused
    return output


@contextlib.contextmanager
def sinusoid_replaced(exponential):
    def sinusoid(*args, **kwargs):
        own, torch.exp = torch.exp, exponential
        try:
            return original(*args, **kwargs)
        finally:
            torch.exp = own

    original = embeddings.get_timestep_embedding
    embeddings.get_timestep_embedding = sinusoid
    try:
        yield
    finally:
        embeddings.get_timestep_embedding = original


def angles(index, dim, theta=10000.0):
    steps = 1.0 / torch.pow(torch.tensor(theta, dtype=torch.float64), torch.arange(0, dim, 2, dtype=torch.float64) / max(dim, 1))
    turned = torch.outer(index.double(), steps)
    return torch.polar(torch.ones_like(turned), turned)


@contextlib.contextmanager
def in_float64():
    """diffusers casts rotations and sinusoids to float32 whatever the model's type."""
    to_float, sinusoid = torch.Tensor.float, embeddings.get_timestep_embedding

    def wide_sinusoid(timesteps, embedding_dim, flip_sin_to_cos=False, downscale_freq_shift=1, scale=1, max_period=10000):
        half = embedding_dim // 2
        frequencies = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float64) / (half - downscale_freq_shift))
        turned = scale * timesteps.double()[:, None] * frequencies[None]
        parts = [turned.cos(), turned.sin()] if flip_sin_to_cos else [turned.sin(), turned.cos()]
        return torch.cat(parts, -1)

    torch.Tensor.float = torch.Tensor.double
    embeddings.get_timestep_embedding = wide_sinusoid
    try:
        yield
    finally:
        torch.Tensor.float, embeddings.get_timestep_embedding = to_float, sinusoid
