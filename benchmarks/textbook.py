"""The baseline: style transfer as tutorials write it, by general autograd in float32."""

import torch
from torch.nn import functional

CONTENT, STYLES = "relu4_2", ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def features(tensors, image):
    """Every ReLU up to relu5_1."""
    found, block = {}, "1"
    for key in tensors:
        name = key.removesuffix(".weight")
        if name == key:
            continue
        if name[4] != block:
            image, block = functional.max_pool2d(image, 2), name[4]
        image = functional.relu(
            functional.conv2d(image, tensors[key], tensors[f"{name}.bias"], padding=1)
        )
        found[f"relu{name[4:]}"] = image
        if name == "conv5_1":
            break
    return found


def gram(feature):
    flat = feature[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def steps(tensors, content, style, make_optimizer):
    """Yield the loss after every step."""
    with torch.no_grad():
        aim = features(tensors, content)[CONTENT]
        grams = {
            tap: gram(found) for tap, found in features(tensors, style).items() if tap in STYLES
        }
    image = content.clone().requires_grad_()
    optimizer = make_optimizer([image])

    def closure():
        optimizer.zero_grad()
        found = features(tensors, image)
        loss = functional.mse_loss(found[CONTENT], aim)
        for tap in STYLES:
            loss = loss + 1e3 * functional.mse_loss(gram(found[tap]), grams[tap])
        loss.backward()
        return loss

    while True:
        yield optimizer.step(closure).item()


def lbfgs(parameters):
    return torch.optim.LBFGS(parameters, max_iter=1, history_size=10)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.02)
