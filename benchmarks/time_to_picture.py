"""How much sooner ours reaches the loss of a textbook run: `python benchmarks/time_to_picture.py`.

Both minimise the same objective (preset gatys, layer weights and balance as ours resolves them on
the weights in use) on the same pictures. The textbook is general autograd in float32 with
torch.optim.LBFGS, history 10; what it took and left is kept in a file, for it takes long. Ours goes
coarse to fine, or stays at full size where one number of steps is given. Both pictures are judged
as saved, clamped, by the textbook's own loss function; with --unclamped neither is clamped, and
ours is judged by its own. Seconds are of the processor, summed over threads, so that other work on
the machine counts little.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from napari_nst import StyleConfig, iter_stylize, stylize
from napari_nst.files.images import read_picture
from napari_nst.weights import load

CONTENT, STYLES = "relu4_2", ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def main():
    args = parsed()
    args.out.mkdir(parents=True, exist_ok=True)
    weights = load(args.weights)
    content, style = (fitted(read_picture(path), args.size) for path in (args.content, args.style))
    config = StyleConfig.preset(
        "gatys", size=None, lbfgs_history=10, precision=args.precision, style_fit="shrink"
    )
    resolved = stylize(content, style, config.replace(steps=1), weights=weights).record.resolved
    loss = textbook_loss(weights, content, style, config, resolved)
    curve = baseline(loss, content, args)
    target = curve["losses"][-1] if args.unclamped else curve["left"]
    pyramid = {
        "pyramid": "down_to" if args.steps[1:] else "single",
        "scale_ratio": args.ratio,
        "scale_steps": tuple(args.steps),
        "lbfgs_history": args.history,
        "lbfgs_preconditioner": args.preconditioner,
        "clamp": "none" if args.unclamped else args.clamp,
        "scale_detail": args.detail,
        "resample": "bicubic",
    }
    judge = None if args.unclamped else loss
    seconds, picture = ours(content, style, config.replace(**pyramid), weights, judge, target)
    Image.fromarray(picture).save(args.out / "ours.png")
    spent = curve["seconds"][-1]
    print(f"textbook: loss {target:.5g} after {len(curve['losses'])} iterations, {spent:.0f} s")
    print(f"ours: {seconds:.0f} s, {spent / seconds:.1f} times sooner")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=300, help="of the textbook")
    parser.add_argument("--weights", default="builtin")
    parser.add_argument("--ratio", type=float, default=2.0, help="of ours, between scales")
    parser.add_argument("--steps", type=int, nargs="+", default=[40, 40, 300], help="of ours")
    parser.add_argument("--clamp", default="closure", help="of ours: none, step or closure")
    parser.add_argument("--unclamped", action="store_true", help="judge both before clamping")
    parser.add_argument("--precision", default="auto", help="of ours")
    parser.add_argument("--history", type=int, default=10, help="of ours")
    parser.add_argument("--preconditioner", default="binomial", help="of ours: none or binomial")
    parser.add_argument("--detail", type=float, default=1.0, help="of ours, as scale_detail")
    parser.add_argument("--out", type=Path, default=Path("time-to-picture"))
    return parser.parse_args()


def fitted(array, longest):
    picture = Image.fromarray(array[..., :3])
    factor = longest / max(picture.size)
    size = [round(side * factor) for side in picture.size]
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def textbook_loss(weights, content, style, config, resolved):
    """Make the objective a function of the picture, in [0, 1], by general autograd."""
    balance, layer_weights = resolved["balance"], resolved["style_layer_weights"] or [1] * 5

    def features(image):
        mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        image = (image - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
        found, block = {}, "1"
        for name in (key[4:-7] for key in weights.tensors if key.endswith(".weight")):
            if name[0] != block:
                image, block = functional.max_pool2d(image, 2), name[0]
            kernel = weights.tensors[f"conv{name}.weight"], weights.tensors[f"conv{name}.bias"]
            image = functional.relu(functional.conv2d(image, *kernel, padding=1))
            found[f"relu{name}"] = image
            if name == "5_1":
                return found
        raise AssertionError("these weights end before relu5_1")

    def gram(feature):
        flat = feature[0].flatten(1)
        return flat @ flat.T / flat.shape[1]

    with torch.no_grad():
        aim = features(tensor(content))[CONTENT]
        painted = features(tensor(style))
        grams = {tap: gram(painted[tap]) for tap in STYLES}

    def loss(image):
        found = features(image)
        total = (
            config.content_weight * balance["content"] * functional.mse_loss(found[CONTENT], aim)
        )
        for tap, weight in zip(STYLES, layer_weights, strict=True):
            factor = config.style_weight * balance["style"] * weight / len(grams[tap]) ** 2
            total = total + factor * functional.mse_loss(gram(found[tap]), grams[tap])
        return total

    return loss


def tensor(array):
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 255


def baseline(loss, content, args):
    """Run the textbook, or read what an earlier run of it left."""
    pictures = f"{args.content.stem}-{args.style.stem}-{Path(args.weights).stem}"
    file = args.out / f"textbook-{pictures}-{args.size}-{args.iterations}.json"
    if file.is_file():
        return json.loads(file.read_text())
    image = (255 * tensor(content)).contiguous().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=1, history_size=10)
    curve = {"losses": [], "seconds": []}
    began = time.process_time()

    def closure():
        optimizer.zero_grad()
        value = loss(image / 255)
        value.backward()
        return value

    for _ in range(args.iterations):
        curve["losses"].append(optimizer.step(closure).item())
        curve["seconds"].append(time.process_time() - began)
    shown = (image.detach() / 255).clamp(0, 1)
    with torch.no_grad():
        curve["left"] = float(loss(shown))
    picture = shown[0].permute(1, 2, 0).numpy()
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(args.out / "textbook.png")
    file.write_text(json.dumps(curve))
    return curve


def ours(content, style, config, weights, loss, target):
    """Give the seconds until a loss function, or ours where it is None, finds it as good."""
    began, judging = time.process_time(), 0.0
    unit = content / np.float32(255)
    for step in iter_stylize(unit, style, config, weights=weights):
        seconds = time.process_time() - began - judging
        if step.scale.index < step.scale.count - 1 or step.loss > target:
            continue
        looked = time.process_time()
        picture = step.image()
        with torch.no_grad():
            chw = torch.from_numpy(picture).permute(2, 0, 1)[None]
            found = step.loss if loss is None else float(loss(chw))
        judging += time.process_time() - looked
        if found <= target:
            print(f"ours: {step.iteration} steps of all scales")
            return seconds, np.rint(picture * 255).astype(np.uint8)
    raise SystemExit(f"ours did not reach {target:.5g}; its last loss was {step.loss:.5g}")


if __name__ == "__main__":
    main()
