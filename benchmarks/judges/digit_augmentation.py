"""Training images for the judge of digits: digits as models may draw them, and images of no digit.

All random numbers come from torch's global stream, which the training script seeds. Digits are
images (B, 28, 28) in [0, 1], B a batch; `seen` renders them as they look in an image of some size.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.judges.digit_network import CELL, FULL, normalised, reach

Images = Tensor


def uniform(count: int, low: float, high: float) -> Tensor:
    """Numbers (B,) drawn uniformly from [low, high)."""
    return low + (high - low) * torch.rand(count)


def warped(digits: Images, strength: float = 1.0) -> Images:
    """Turn, slant, stretch and bend digits a little; strength 1 keeps every digit readable."""
    count = len(digits)
    turn, slant = strength * uniform(count, -0.2, 0.2), strength * uniform(count, -0.25, 0.25)
    size = 1 + strength * uniform(count, -0.18, 0.18)
    width = size * (1 + strength * uniform(count, -0.12, 0.12))
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = turn.cos() / width, (slant - turn.sin()) / width
    theta[:, 1, 0], theta[:, 1, 1] = turn.sin() / size, turn.cos() / size
    grid = F.affine_grid(theta, [count, 1, CELL, CELL], align_corners=False)
    bend = torch.randn(count, 2, 5, 5) * (0.045 * strength) * torch.rand(count, 1, 1, 1)
    bend = F.interpolate(bend, size=CELL, mode="bicubic", align_corners=True)
    grid = grid + bend.permute(0, 2, 3, 1)
    return F.grid_sample(digits[:, None], grid, align_corners=False)[:, 0]


def thickened(digits: Images) -> Images:
    """Make strokes up to a pixel thicker or thinner on either side."""
    amount = uniform(len(digits), -0.6, 1.0)[:, None, None]
    thick = F.max_pool2d(digits[:, None], 3, 1, 1)[:, 0]
    thin = -F.max_pool2d(-digits[:, None], 3, 1, 1)[:, 0]
    # Half the ink is kept, as strokes of a single pixel would vanish.
    thinner = torch.maximum(thin, 0.5 * digits)
    return torch.where(
        amount > 0, digits + amount * (thick - digits), digits - amount * (thinner - digits)
    )


def blurred(images: Images, sigma: Tensor) -> Images:
    """Blur images with Gaussians of deviations sigma (B,) in pixels, each at least 0.05."""
    span = int(3 * float(sigma.max())) + 1
    offsets = torch.arange(-span, span + 1).float()
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None].clamp_min(0.05)) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    count = len(images)
    rows = F.conv2d(images[None], kernel[:, None, None, :], padding=(0, span), groups=count)
    both = F.conv2d(rows, kernel[:, None, :, None], padding=(span, 0), groups=count)
    return both[0]


def softened(images: Images) -> Images:
    """Warp 80 % of the images as digits are, so that sharp edges do not tell the two apart."""
    bent = torch.rand(len(images), 1, 1) < 0.8
    return torch.where(bent, warped(images), images)


def coarse(digits: Images) -> Images:
    """Reduce digits to 8×8 pixels and enlarge them, so that they look as scikit-learn's do.

    The ink is scaled to 20 pixels of height, 2.5 for each of the 8 rows.
    """
    count = len(digits)
    rows = digits.amax(2) > 0.3
    place = torch.arange(CELL).float() + 0.5
    low = torch.where(rows, place, torch.full_like(place, 99)).amin(1) - 0.5
    high = torch.where(rows, place, torch.full_like(place, -99)).amax(1) + 0.5
    height = (high - low).clamp(8, CELL) * uniform(count, 0.95, 1.05)
    width = height.clamp_min(18) * uniform(count, 0.95, 1.2)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = width / CELL, height / CELL
    theta[:, 1, 2] = (low + high) / CELL - 1
    grid = F.affine_grid(theta, [count, 1, 32, 32], align_corners=False)
    fine = (F.grid_sample(digits[:, None], grid, align_corners=False) > 0.4).float()
    small = F.avg_pool2d(fine, 4)
    large = F.interpolate(small, size=20, mode="bicubic", align_corners=False)
    return F.pad(large, (4, 4, 4, 4))[:, 0].clamp(0, 1)


def seen(digits: Images, size: int, shake: bool = True) -> Tensor:
    """Normalised crops (B, 1, 28, 28) of digits as in an image of this size: blurred, pale, noisy.

    shake: add a random zoom and shift the centre a little, as where an object is cut out with a
    part missing or with something beside it.
    """
    count, step = len(digits), FULL // size
    wide = 2 * reach(size) * step
    border = (wide - CELL) // 2
    canvas = F.pad(digits, (border, wide - CELL - border, border, wide - CELL - border))
    sigma = uniform(count, 0.05, 1.4) * (torch.rand(count) < 0.5)
    canvas = blurred(canvas, sigma)
    if step > 1:
        phase = torch.randint(step, (2,)).tolist() if torch.rand(()) < 0.5 else [0, 0]
        canvas = torch.roll(canvas, phase, (1, 2))
        canvas = F.avg_pool2d(canvas[:, None], step)[:, 0]
    pale = torch.where(torch.rand(count) < 0.4, uniform(count, 0.55, 1.0), torch.ones(count))
    noise = torch.where(torch.rand(count) < 0.3, uniform(count, 0.0, 0.12), torch.zeros(count))
    canvas = pale[:, None, None] * canvas + noise[:, None, None] * torch.randn_like(canvas)
    canvas = (255 * canvas.clamp(0, 1)).round() / 255
    # A judge is given only the pixels of an object and those around it.
    near = F.max_pool2d((canvas > 0.2).float()[:, None], 3, 1, 1)[:, 0]
    canvas = canvas * near
    if not shake:
        return normalised(canvas, size)
    off = torch.randint(-1, 2, (2,)).tolist() if torch.rand(()) < 0.3 else [0, 0]
    return torch.roll(normalised(canvas, size, uniform(count, 0.93, 1.07)), off, (2, 3))


def junk(digits: Images, labels: Tensor) -> Images:
    """Make an image without a readable digit from each digit, of one of many kinds."""
    kinds: tuple[tuple[float, Callable[[Images, Tensor], Images]], ...] = (
        (1.0, halves), (2.0, smears), (1.0, wiped), (1.0, merged), (0.7, blends), (0.7, strokes),
        (1.0, blobs), (1.0, scrambled),
    )  # fmt: skip
    weights = torch.tensor([weight for weight, _ in kinds])
    kind = torch.multinomial(weights, len(digits), replacement=True)
    made = torch.zeros_like(digits)
    for number, (_, make) in enumerate(kinds):
        mine = kind == number
        if mine.any():
            made[mine] = make(digits[mine], labels[mine])
    return made


def _partners(digits: Images, labels: Tensor) -> Images:
    """A partner for each digit, of a different class if one is among 8 drawn at random."""
    drawn = torch.randint(len(digits), (8, len(digits)))
    fits = labels[drawn] != labels
    first = fits.float().argmax(0)
    return digits[drawn[first, torch.arange(len(digits))]]


def _plane(count: int) -> Tensor:
    """Coordinates (B, 28, 28) of the pixels along a random direction, from the middle."""
    angle = uniform(count, 0, 2 * torch.pi)[:, None, None]
    place = torch.arange(CELL) - (CELL - 1) / 2
    return angle.cos() * place + angle.sin() * place[:, None]


def halves(digits: Images, labels: Tensor) -> Images:
    """Cut off about half of a digit; of a 1 more, as its half is a readable, shorter 1."""
    along = _plane(len(digits))
    share = uniform(len(digits), 0.35, 0.55) - 0.15 * (labels == 1)
    # The line that leaves this share of the ink on one side.
    order = along.flatten(1).argsort(1)
    ink = digits.flatten(1).gather(1, order).cumsum(1)
    cut = (ink < share[:, None] * ink[:, -1:]).sum(1).clamp(max=CELL**2 - 1)
    edge = along.flatten(1).gather(1, order.gather(1, cut[:, None]))[:, :, None]
    return digits * (along < edge)


def smears(digits: Images, labels: Tensor) -> Images:
    """Blur a digit until nobody can read it, as bright as before or paler."""
    made = blurred(digits, uniform(len(digits), 3.5, 6.5))
    bright = uniform(len(digits), 0.35, 1.0)[:, None, None]
    return bright * made / made.amax((1, 2), keepdim=True).clamp_min(1e-3)


def wiped(digits: Images, labels: Tensor) -> Images:
    """Drag a digit 12 to 24 pixels in a direction."""
    count = len(digits)
    angle, length = uniform(count, 0, torch.pi), uniform(count, 12, 24)
    shifts = torch.linspace(-0.5, 0.5, 13)
    made = torch.zeros_like(digits)
    for part in shifts.tolist():
        theta = torch.eye(2, 3).repeat(count, 1, 1)
        theta[:, 0, 2] = 2 * part * length * angle.cos() / CELL
        theta[:, 1, 2] = 2 * part * length * angle.sin() / CELL
        grid = F.affine_grid(theta, [count, 1, CELL, CELL], align_corners=False)
        made += F.grid_sample(digits[:, None], grid, align_corners=False)[:, 0]
    bright = uniform(count, 0.5, 1.0)[:, None, None]
    return bright * made / made.amax((1, 2), keepdim=True).clamp_min(1e-3)


def merged(digits: Images, labels: Tensor) -> Images:
    """Lay a digit of another class over a digit, or beside it."""
    x, y = torch.randint(0, 17, (2,)).tolist()
    other = F.pad(_partners(digits, labels), (8, 8, 8, 8))[:, y : y + CELL, x : x + CELL]
    return torch.maximum(digits, other)


def blends(digits: Images, labels: Tensor) -> Images:
    """Mix two digits of different classes about half and half, sharp or blurred."""
    share = uniform(len(digits), 0.45, 0.55)[:, None, None]
    made = share * digits + (1 - share) * _partners(digits, labels)
    made = (made * uniform(len(digits), 1.0, 1.8)[:, None, None]).clamp(max=1)
    return blurred(made, uniform(len(digits), 0.05, 2.0))


def strokes(digits: Images, labels: Tensor) -> Images:
    """Draw two or three bent strokes at random."""
    count, points = len(digits), 24
    ink = torch.zeros(count, CELL, CELL)
    place = torch.arange(CELL).float()
    along = torch.linspace(0, 1, points)
    for stroke in range(3):
        ends = uniform(count * 6, 4, 24).reshape(count, 3, 2, 1)
        back = 1 - along
        path = back**2 * ends[:, 0] + 2 * along * back * ends[:, 1] + along**2 * ends[:, 2]
        near_x = torch.exp(-0.5 * (path[:, 0, :, None] - place) ** 2)
        near_y = torch.exp(-0.5 * (path[:, 1, :, None] - place) ** 2)
        drawn = (1.6 * torch.einsum("bpy,bpx->bpyx", near_y, near_x).amax(1)).clamp(max=1)
        wanted = torch.rand(count) < (1.0, 1.0, 0.5)[stroke]
        ink = torch.maximum(ink, drawn * wanted[:, None, None])
    return ink


def blobs(digits: Images, labels: Tensor) -> Images:
    """Draw smooth noise within a digit's space, cut at a threshold or left grey."""
    count = len(digits)
    smooth = blurred(torch.randn(count, CELL, CELL), uniform(count, 0.3, 4.0))
    smooth = smooth / smooth.std((1, 2), keepdim=True)
    distance = _plane(count) ** 2 + _plane(count) ** 2
    inside = torch.sigmoid(uniform(count, 20, 130)[:, None, None] - distance)
    hard = uniform(count, 0.5, 6.0)[:, None, None]
    return torch.sigmoid(hard * (smooth - uniform(count, -1.0, 1.0)[:, None, None])) * inside


def scrambled(digits: Images, labels: Tensor) -> Images:
    """Permute the four quarters of a digit's 20×20 pixels, each perhaps mirrored."""
    middle = digits[:, 4:24, 4:24]
    parts = [middle[:, :10, :10], middle[:, :10, 10:], middle[:, 10:, :10], middle[:, 10:, 10:]]
    order = torch.randperm(4).tolist()
    if order == sorted(order):
        order = order[1:] + order[:1]
    turned = [parts[i].flip(2) if torch.rand(()) < 0.5 else parts[i] for i in order]
    top, bottom = torch.cat(turned[:2], 2), torch.cat(turned[2:], 2)
    return F.pad(torch.cat([top, bottom], 1), (4, 4, 4, 4))
