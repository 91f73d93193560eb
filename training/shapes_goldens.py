"""Writes lib/core/shapes/goldens/*.json: scenes, captions, pictures and verdicts of shapes.py, which the unit tests hold
the TypeScript grammar to. Deterministic; needs NumPy alone.

  python training/shapes_goldens.py
"""

import base64
import json
from pathlib import Path

import numpy as np

import shapes

FOLDER = Path(__file__).resolve().parent.parent / "lib/core/shapes/goldens"
SEED = 20260
SCENES = 300
PICTURES = 5


def as_json(scene):
    return {
        "background": scene.background,
        "quadrants": [int(q) for q in scene.quadrants],
        "jitter": [list(j) for j in scene.jitter],
    }


def base64_floats(image):
    """Little-endian float32, C order."""
    return base64.b64encode(np.asarray(image, "<f4").tobytes()).decode()


def to_bytes(image):
    """A picture as RGB bytes; value = byte / 127.5 - 1. The verdict is taken on exactly these values."""
    return np.clip(np.round((image + 1) * 127.5), 0, 255).astype(np.uint8)


def scene_rows(rng):
    for index in range(SCENES):
        scene = shapes.random_scene(rng, held_out=index % 3 == 0)
        order = [int(q) for q in rng.permutation(4)]
        words = shapes.caption_words(scene, order)
        ids, valid = shapes.encode(words)
        yield {
            **as_json(scene),
            "id": scene.id,
            "heldOut": shapes.is_held_out(scene.id),
            "order": order,
            "caption": " ".join(words),
            "ids": ids,
            "valid": valid,
        }


def corrupted(rng, image, index):
    """Clean, noisy, very noisy, blurred, half another colour, or pure noise, in turn."""
    kind = ["clean", "noise 0.15", "noise 0.5", "blur", "darkened left half", "noise alone"][index % 6]
    if kind.startswith("noise 0"):
        image = image + float(kind.split()[1]) * rng.standard_normal(image.shape)
    elif kind == "blur":
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), "edge")
        image = sum(padded[r : r + 32, c : c + 32] for r in range(5) for c in range(5)) / 25
    elif kind.startswith("darkened"):
        image = image.copy()
        image[:, :16] = image[:, :16] * 0.4 - 0.6
    elif kind == "noise alone":
        image = rng.standard_normal(image.shape)
    return kind, image


def verdict_rows(rng):
    """Pictures of one scene, some spoilt, judged against that scene or (every fourth) against another."""
    for index in range(24):
        drawn = shapes.random_scene(rng, held_out=False)
        asked = shapes.random_scene(rng, held_out=False) if index % 4 == 3 else drawn
        kind, image = corrupted(rng, shapes.render(drawn), index)
        stored = to_bytes(image)
        values = (stored.astype(np.float64) / 127.5 - 1).astype(np.float32).astype(np.float64)
        background, quadrants, rms = shapes.read_picture(values)
        yield {
            "what": kind,
            "asked": as_json(asked),
            "rgb": base64.b64encode(stored.tobytes()).decode(),
            "background": background,
            "quadrants": quadrants,
            "rms": [round(float(r), 9) for r in rms],
            "facts": shapes.check(values, asked),
        }


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    pictures = [shapes.random_scene(rng, held_out=False) for _ in range(PICTURES)]
    files = {
        "scenes": {
            "vocabulary": shapes.VOCAB,
            "nullCaption": dict(zip(("ids", "valid"), shapes.encode([]))),
            "scenes": list(scene_rows(rng)),
        },
        "pictures": {
            "pictures": [{"scene": as_json(s), "float32": base64_floats(shapes.render(s))} for s in pictures],
            "packed": base64_floats(shapes.pack(shapes.render(pictures[0])[None])[0]),
        },
        "verdicts": {"verdicts": list(verdict_rows(rng))},
    }
    for name, content in files.items():
        header = {"generator": "python training/shapes_goldens.py", "version": 1, "seed": SEED}
        (FOLDER / f"{name}.json").write_text(json.dumps({**header, **content}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
