"""Importing this registers every family's generator."""

from . import flux, flux2, qwen_image, sd3  # noqa: F401
