"""A frozen encoder that gives tokens of images, and the published one, DINO's ViT-B/16.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers" (ICCV 2021, arXiv
2104.14294); its weights come from `timm`. Images are enlarged to the 224 pixels that it knows.

Letters: B, N images, H = W their size, P patches, D width of tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from baselines.dino.head import DINOHead
from baselines.dino.teacher_settings import DINO_TINY, DINO_VITB16
from benchmarks.protocol import Run, SymbenchError

VITB16 = "vit_base_patch16_224.dino"
VITB16_SIZE, VITB16_PATCH = 224, 16
VITB16_MEAN, VITB16_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Teacher:
    """A frozen encoder in eval mode.

    It is no `nn.Module`, so that a network that holds it does not count its weights as its own.
    width: D; patches: P; side: patches along an edge; about: JSON that says which encoder it is and
    where it comes from. head, centre: the DINO head with which the encoder learned, and the centre
    of its logits; None where they were not kept.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        side: int,
        about: Mapping[str, Any],
        head: DINOHead | None = None,
        centre: Tensor | None = None,
    ) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.head = None if head is None else head.eval().requires_grad_(False)
        self.centre = centre
        self.width, self.side, self.patches = width, side, side**2
        self.about = dict(about)
        self.name: str = self.about["name"]

    @torch.no_grad()
    def tokens(self, images: Tensor) -> Tensor:
        """images: (B, 3, H, W) in [0, 1], on the teacher's device → (B, 1 + P, D)."""
        tokens: Tensor = self.encoder(images)
        return tokens

    def digest(self) -> str:
        """A hash of the encoder's weights."""
        digest = hashlib.sha256()
        for name, value in sorted(self.encoder.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def checked_colour_images(images: np.ndarray) -> np.ndarray:
    """Return the images where they are (N, size, size, 3) uint8; raise SymbenchError otherwise."""
    images = np.asarray(images)
    fits = images.ndim == 4 and len(images) and images.shape[1] == images.shape[2]
    if images.dtype != np.uint8 or not fits or images.shape[3] != 3:
        raise SymbenchError(
            f"images are {images.dtype} of shape {images.shape}; they must be uint8 "
            "(N, size, size, 3), 0 to 255."
        )
    return images


def as_pixels(images: np.ndarray, device: str) -> Tensor:
    """images: (B, H, W, 3) uint8 → (B, 3, H, W) in [0, 1] on the device."""
    values = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return rearrange(values, "b h w c -> b c h w").float() / 255


class EnlargedViT(nn.Module):
    """A model of `timm` for images of 224 pixels, to which smaller images are enlarged."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(VITB16_MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(VITB16_DEVIATION)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """images: (B, 3, H, W) in [0, 1] → tokens (B, 1 + P, D)."""
        size = (VITB16_SIZE, VITB16_SIZE)
        images = nn.functional.interpolate(images, size, mode="bicubic", align_corners=False)
        tokens: Tensor = self.model.forward_features(  # type: ignore[operator]
            (images.clamp(0, 1) - self.mean) / self.deviation
        )
        return tokens


def published_teacher(run: Run) -> Teacher:
    """Load the DINO ViT-B/16 of Caron et al. (2021).

    Raises SymbenchError where timm or the weights are missing.
    """
    instead = f"or take the tasks whose teacher is {DINO_TINY}"
    try:
        import timm
    except ImportError:
        raise SymbenchError(
            f"the teacher {DINO_VITB16} needs timm: pip install 'symbench[teacher]', {instead}."
        ) from None
    try:
        model = timm.create_model(VITB16, pretrained=True)
    except Exception as error:  # raised by the hub's client, the network or the reader of the file
        why = (str(error).strip() or type(error).__name__).partition("\n")[0][:200]
        raise SymbenchError(
            f"the weights of the teacher {DINO_VITB16} ({VITB16} of timm) cannot be had ({why}): "
            f"go online once to fetch them, {instead}."
        ) from None
    about = {
        "name": DINO_VITB16,
        "key": VITB16,
        "timm": timm.__version__,
        "parameters": sum(one.numel() for one in model.parameters()),
    }
    side = VITB16_SIZE // VITB16_PATCH
    width = cast(int, model.num_features)
    teacher = Teacher(EnlargedViT(model).to(run.device), width, side, about)
    teacher.about["digest"] = teacher.digest()
    return teacher
