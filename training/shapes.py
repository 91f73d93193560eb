"""The grammar of the sample model: scenes, captions, pictures and the checker that reads them back.

The same grammar lives in lib/core/shapes (TypeScript), which the product uses; `goldens.py` writes pictures and verdicts
from this file, and the unit tests hold the TypeScript to them. Pictures are 32x32 RGB in [-1, 1], four quadrants of
16x16, at most one object in each, so that every caption fact can be read back from the pixels alone.
"""

from dataclasses import dataclass

import numpy as np

SIZE = 32
CELL = 16
PATCH = 4
SIZES = ["small", "large"]
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 170, 70),
    "blue": (40, 80, 220),
    "yellow": (240, 210, 40),
    "purple": (170, 60, 200),
    "cyan": (50, 200, 220),
}
SHAPES = ["circle", "square", "triangle", "cross", "ring"]
POSITIONS = ["top-left", "top-right", "bottom-left", "bottom-right"]
BACKGROUNDS = {"black": (20, 20, 20), "white": (240, 240, 240), "gray": (128, 128, 128), "brown": (110, 70, 40)}
VOCAB = ["<pad>", "<null>", *SIZES, *COLOURS, *SHAPES, *POSITIONS, *BACKGROUNDS]
MAX_OBJECTS = 3
MAX_TOKENS = 4 * MAX_OBJECTS + 1
RADII = [4.0, 7.0]  # half extent in pixels, per size
SUPERSAMPLES = 4
KINDS = len(SIZES) * len(COLOURS) * len(SHAPES)  # 60 kinds of object; a quadrant's digit is 0 (empty) or 1 + kind
ID_BASE = KINDS + 1
HELD_OUT_EVERY = 20
READABLE_RMS = 0.35  # a quadrant further than this from every template counts as unreadable

COLOUR_TABLE = np.array(list(COLOURS.values()), np.float64) / 127.5 - 1
BACKGROUND_TABLE = np.array(list(BACKGROUNDS.values()), np.float64) / 127.5 - 1


def kind_of(size, colour, shape):
    return (size * len(COLOURS) + colour) * len(SHAPES) + shape


def split_kind(kind):
    return kind // (len(COLOURS) * len(SHAPES)), kind // len(SHAPES) % len(COLOURS), kind % len(SHAPES)


def coverage(shape, size, dx, dy):
    """Anti-aliased mask [16, 16] of one shape whose centre is the quadrant's centre plus (dx, dy) pixels."""
    r = RADII[size]
    grid = (np.arange(CELL * SUPERSAMPLES) + 0.5) / SUPERSAMPLES
    u = ((grid - CELL / 2 - dx) / r)[None, :]
    v = ((grid - CELL / 2 - dy) / r)[:, None]
    rho2 = u * u + v * v
    inside = {
        "circle": rho2 <= 1,
        "square": (np.abs(u) <= 0.85) & (np.abs(v) <= 0.85),
        "triangle": (v >= -1) & (v <= 0.85) & (np.abs(u) * 1.85 <= v + 1),
        "cross": ((np.abs(u) <= 0.32) | (np.abs(v) <= 0.32)) & (np.abs(u) <= 1) & (np.abs(v) <= 1),
        "ring": (rho2 <= 1) & (rho2 >= 0.3),
    }[SHAPES[shape]]
    return inside.reshape(CELL, SUPERSAMPLES, CELL, SUPERSAMPLES).mean(axis=(1, 3))


# [shape, size, dy+1, dx+1, 16, 16]
MASKS = np.array(
    [
        [[[coverage(s, z, dx, dy) for dx in (-1, 0, 1)] for dy in (-1, 0, 1)] for z in range(len(SIZES))]
        for s in range(len(SHAPES))
    ]
)


@dataclass
class Scene:
    """`quadrants[q]` is 0 for empty or 1 + kind; positions count row by row; `jitter[q]` is (dx, dy) in pixels."""

    background: int
    quadrants: list
    jitter: list

    @property
    def id(self):
        value = 0
        for digit in reversed(self.quadrants):
            value = value * ID_BASE + digit
        return value * len(BACKGROUNDS) + self.background


def is_held_out(scene_id):
    """Scenes never trained on, one in twenty: a multiplicative hash of the scene's number, jitter aside."""
    return ((scene_id * 2654435761) % 2**32 >> 8) % HELD_OUT_EVERY == 0


def random_scene(rng, held_out):
    while True:
        quadrants = [0, 0, 0, 0]
        for q in rng.permutation(4)[: rng.integers(1, MAX_OBJECTS + 1)]:
            quadrants[q] = 1 + int(rng.integers(KINDS))
        jitter = [tuple(int(j) for j in rng.integers(-1, 2, size=2)) for _ in range(4)]
        scene = Scene(int(rng.integers(len(BACKGROUNDS))), quadrants, jitter)
        if is_held_out(scene.id) == held_out:
            return scene


def caption_words(scene, order):
    """Caption as vocabulary words, objects in the given order of quadrants, the background last."""
    words = []
    for q in order:
        if scene.quadrants[q]:
            size, colour, shape = split_kind(scene.quadrants[q] - 1)
            words += [SIZES[size], list(COLOURS)[colour], SHAPES[shape], POSITIONS[q]]
    return [*words, list(BACKGROUNDS)[scene.background]]


def encode(words):
    """Token ids [13] padded with 0, and how many are valid. No words at all is the null caption."""
    ids = [VOCAB.index(w) for w in words] or [1]
    return ids + [0] * (MAX_TOKENS - len(ids)), len(ids)


def render(scene):
    """Picture [32, 32, 3] in [-1, 1]."""
    image = np.broadcast_to(BACKGROUND_TABLE[scene.background], (SIZE, SIZE, 3)).copy()
    for q, digit in enumerate(scene.quadrants):
        if digit:
            size, colour, shape = split_kind(digit - 1)
            dx, dy = scene.jitter[q]
            mask = MASKS[shape, size, dy + 1, dx + 1][:, :, None]
            row, col = CELL * (q // 2), CELL * (q % 2)
            cell = image[row : row + CELL, col : col + CELL]
            cell += mask * (COLOUR_TABLE[colour] - cell)
    return image


def pack(images):
    """[B, 32, 32, 3] -> image tokens [B, 64, 48], feature = (channel, row, column) as diffusers packs latents."""
    b, n = len(images), SIZE // PATCH
    x = images.reshape(b, n, PATCH, n, PATCH, 3)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(b, n * n, 3 * PATCH * PATCH)


def unpack(tokens):
    b, n = len(tokens), SIZE // PATCH
    x = tokens.reshape(b, n, n, 3, PATCH, PATCH)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(b, SIZE, SIZE, 3)


def _templates(background):
    """[1 + 60 * 9, 16 * 16 * 3]: the empty quadrant first, then every kind at every jitter."""
    bg = BACKGROUND_TABLE[background]
    rows = [np.broadcast_to(bg, (CELL, CELL, 3)).reshape(-1)]
    for kind in range(KINDS):
        size, colour, shape = split_kind(kind)
        masks = MASKS[shape, size].reshape(9, CELL, CELL, 1)
        rows += list((bg + masks * (COLOUR_TABLE[colour] - bg)).reshape(9, -1))
    return np.array(rows)


TEMPLATES = [_templates(b) for b in range(len(BACKGROUNDS))]
TEMPLATE_NORMS = [(t * t).sum(1) for t in TEMPLATES]


def read_picture(image):
    """Analysis by synthesis: the scene whose rendering is nearest in squared error, and each quadrant's RMS distance."""
    image = np.clip(image, -1, 1)
    cells = np.array([image[r : r + CELL, c : c + CELL].reshape(-1) for r in (0, CELL) for c in (0, CELL)])
    best = None
    for b, (templates, norms) in enumerate(zip(TEMPLATES, TEMPLATE_NORMS)):
        cost = norms[None] - 2 * cells @ templates.T + (cells * cells).sum(1)[:, None]
        total = cost.min(1).sum()
        if best is None or total < best[0]:
            best = (total, b, cost.argmin(1), np.sqrt(np.maximum(cost.min(1), 0) / cells.shape[1]))
    _, background, choice, rms = best
    quadrants = [0 if c == 0 else 1 + (int(c) - 1) // 9 for c in choice]
    return background, quadrants, rms


def check(image, scene):
    """Verdicts on the caption's facts: background, count, then position, size, colour and shape of each object."""
    background, quadrants, rms = read_picture(image)
    facts = {
        "background": background == scene.background,
        "count": sum(map(bool, quadrants)) == sum(map(bool, scene.quadrants)),
    }
    for q, wanted in enumerate(scene.quadrants):
        if wanted:
            seen = quadrants[q] if rms[q] <= READABLE_RMS else 0
            same = [a == b for a, b in zip(split_kind(wanted - 1), split_kind(seen - 1))] if seen else [False] * 3
            facts[f"{POSITIONS[q]} position"] = bool(seen)
            for name, holds in zip(("size", "colour", "shape"), same):
                facts[f"{POSITIONS[q]} {name}"] = bool(holds)
    return facts
