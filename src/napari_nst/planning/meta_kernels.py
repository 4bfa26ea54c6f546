"""Shapes of the results of torch's operations, computed without data.

torch has such "meta" kernels for every operation, but the first use of most of them imports its
compiler: 900 modules, several seconds. So this module implements those that the engine uses;
others fall back on torch's.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

META = torch.device("meta")
"""Where tensors have a shape and no content."""

aten = torch.ops.aten

_Shape = Sequence[int]


def result_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return the result of an operation on tensors without data; a number is 1.

    Parameters
    ----------
    func
        The operation, as passed to a dispatch mode.
    args, kwargs
        Its arguments; tensors are on the "meta" device.
    """
    if func._schema.is_mutable:
        return next((kwargs[name] for name in ("out", "grad_input") if name in kwargs), args[0])
    rule = _RULES.get(func.overloadpacket) or _ONEDNN_RULES.get(func._schema.name)
    found = None if rule is None else rule(*args, **kwargs)
    if found is None and torch.Tag.pointwise in func.tags:
        found = _pointwise(func, tensors_in((args, kwargs)))
    return func(*args, **kwargs) if found is None else found


def tensors_in(nest: object) -> list[Tensor]:
    """List the tensors in nested arguments or results."""
    if isinstance(nest, Tensor):
        return [nest]
    if isinstance(nest, dict):
        nest = list(nest.values())
    return [found for part in nest for found in tensors_in(part)] if _is_list(nest) else []


def _is_list(nest: object) -> TypeGuard[Sequence[object]]:
    return isinstance(nest, (tuple, list))


def _empty(shape: _Shape, dtype: torch.dtype, *, like: Tensor | None = None) -> Tensor:
    """Create a tensor without data, channels last if `like`, or the tensor it is cut from, is."""
    order = torch.contiguous_format
    if like is not None and like.ndim == 4 == len(shape) and not like.is_contiguous():
        order = torch.channels_last if like.stride(1) == 1 else order
    return torch.empty(shape, dtype=dtype, device=META, memory_format=order)


def _pointwise(func: Any, given: list[Tensor]) -> Tensor:  # noqa: ANN401
    whole = max(given, key=Tensor.numel)
    shape: _Shape = whole.shape
    if any(tensor.shape != shape and tensor.ndim for tensor in given):
        shape = np.broadcast_shapes(*(tensor.shape for tensor in given))
    shaped = [tensor for tensor in given if tensor.ndim] or given
    dtype = shaped[0].dtype
    for tensor in shaped[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    if func.overloadpacket in _COMPARISONS:
        dtype = torch.bool
    return _empty(shape, dtype, like=whole)


def _like(tensor: Tensor, *_: object, **options: Any) -> Tensor:  # noqa: ANN401
    dtype = options.get("dtype") or tensor.dtype
    order = options.get("memory_format")
    if order in (torch.channels_last, torch.contiguous_format):
        return torch.empty(tensor.shape, dtype=dtype, device=META, memory_format=order)
    return _empty(tensor.shape, dtype, like=tensor)


def _copied(tensor: Tensor, **options: Any) -> Tensor:  # noqa: ANN401
    """Copy to another dtype or layout; a copy to another device alone is not counted."""
    changes = options.get("dtype") not in (None, tensor.dtype) or options.get("memory_format")
    return _like(tensor, **options) if changes else tensor


def _sized(shape: _Shape, *_: object, **options: Any) -> Tensor:  # noqa: ANN401
    order = options.get("memory_format") or torch.contiguous_format
    dtype = options.get("dtype") or torch.get_default_dtype()
    return torch.empty(shape, dtype=dtype, device=META, memory_format=order)


def _new(tensor: Tensor, shape: _Shape, *_: object, **options: Any) -> Tensor:  # noqa: ANN401
    return _empty(shape, options.get("dtype") or tensor.dtype)


def _eye(rows: int, columns: object = None, **options: Any) -> Tensor:  # noqa: ANN401
    return _sized((rows, columns if isinstance(columns, int) else rows), **options)


def _reduced(
    tensor: Tensor,
    dims: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    dims = (dims,) if isinstance(dims, int) else tuple(dims or range(tensor.ndim))
    gone = {dim % tensor.ndim for dim in dims} if tensor.ndim else set()
    kept = [
        1 if axis in gone else side
        for axis, side in enumerate(tensor.shape)
        if keepdim or axis not in gone
    ]
    return _empty(kept, dtype or tensor.dtype)


def _norm(
    tensor: Tensor,
    order: object = 2,
    dims: Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    return _reduced(tensor, dims, keepdim, dtype=dtype)


def _truth(tensor: Tensor, *dims: Any) -> Tensor:  # noqa: ANN401
    return _reduced(tensor, *dims, dtype=torch.bool)


def _extreme(tensor: Tensor, *dims: object) -> Tensor | None:
    return None if dims else _reduced(tensor)


def _cat(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    return _empty(shape, parts[0].dtype, like=parts[0])


def _stack(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    shape = list(parts[0].shape)
    shape.insert(dim if dim >= 0 else dim + len(shape) + 1, len(parts))
    return _empty(shape, parts[0].dtype)


def _product(left: Tensor, right: Tensor, *_: object) -> Tensor:
    return _empty((*left.shape[:-1], right.shape[-1]), left.dtype)


def _product_added(_: Tensor, left: Tensor, right: Tensor, **__: object) -> Tensor:
    return _product(left, right)


def _convolution(
    flow: Tensor, weight: Tensor, _: object, stride: _Shape, padding: _Shape, *__: object
) -> Tensor:
    sides = (
        (side + 2 * edge - kernel) // step + 1
        for side, edge, kernel, step in zip(
            flow.shape[2:], padding, weight.shape[2:], stride, strict=True
        )
    )
    shape = (flow.shape[0], weight.shape[0], *sides)
    return torch.empty(shape, dtype=flow.dtype, device=META, memory_format=torch.channels_last)


def _fused_convolution(
    flow: Tensor, weight: Tensor, bias: object, padding: _Shape, stride: _Shape, *_: object
) -> Tensor:
    return _convolution(flow, weight, bias, stride, padding)


def _average_pool(
    flow: Tensor, kernel: _Shape, stride: _Shape = (), padding: _Shape = (0, 0), *_: object
) -> Tensor:
    step, edge = (stride or kernel)[0], padding[0]
    sides = ((side + 2 * edge - kernel[0]) // step + 1 for side in flow.shape[2:])
    return _empty((*flow.shape[:2], *sides), flow.dtype, like=flow)


def _max_pool(flow: Tensor, kernel: _Shape, *_: object) -> tuple[Tensor, Tensor]:
    pooled = _average_pool(flow, kernel)
    return pooled, _like(pooled, dtype=torch.int64)


def _resized(image: Tensor, size: _Shape, *_: object) -> Tensor:
    return _empty((*image.shape[:2], *size), image.dtype, like=image)


def _padded(image: Tensor, edges: _Shape) -> Tensor:
    left, right, top, bottom = edges
    height, width = image.shape[2] + top + bottom, image.shape[3] + left + right
    return _empty((*image.shape[:2], height, width), image.dtype, like=image)


def _like_second(_: Tensor, tensor: Tensor, *__: object) -> Tensor:
    return _like(tensor)


def _of_shape(gradient: Tensor, shape: _Shape, *_: object) -> Tensor:
    return _empty(shape, gradient.dtype)


def _eigenvectors(matrix: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    """Return eigenvalues, shape (N,), and eigenvectors, shape (N, N)."""
    return _empty(matrix.shape[:1], matrix.dtype), _empty(matrix.shape, matrix.dtype).mT


def _dot(left: Tensor, _: Tensor) -> Tensor:
    return _empty((), left.dtype)


def _number(_: Tensor) -> float:
    return 1.0


def _never(*_: object) -> bool:
    return False


_COMPARISONS = {aten.eq, aten.ne, aten.lt, aten.le, aten.gt, aten.ge, aten.isnan, aten.isinf}

_OPERATIONS: dict[Callable[..., Any], tuple[Any, ...]] = {
    _like: (
        aten.empty_like,
        aten.zeros_like,
        aten.ones_like,
        aten.full_like,
        aten.clone,
        aten.flip,
        aten.reciprocal,
    ),
    _copied: (aten._to_copy,),
    _sized: (aten.empty, aten.zeros, aten.ones, aten.full),
    _new: (aten.new_empty, aten.new_zeros, aten.new_full, aten.new_ones),
    _eye: (aten.eye,),
    _reduced: (aten.sum, aten.mean, aten.amax),
    _norm: (aten.linalg_vector_norm,),
    _truth: (aten.all, aten.any),
    _extreme: (aten.max, aten.min),
    _cat: (aten.cat,),
    _stack: (aten.stack,),
    _product: (aten.mm, aten.bmm),
    _product_added: (aten.addmm,),
    _convolution: (aten.convolution, aten.cudnn_convolution_relu),
    _average_pool: (aten.avg_pool2d,),
    _max_pool: (aten.max_pool2d_with_indices,),
    _resized: (
        aten.upsample_bilinear2d,
        aten.upsample_bicubic2d,
        aten._upsample_bilinear2d_aa,
        aten._upsample_bicubic2d_aa,
    ),
    _padded: (aten.replication_pad2d,),
    _like_second: (
        aten.avg_pool2d_backward,
        aten.replication_pad2d_backward,
    ),
    _of_shape: (aten.slice_backward, aten.select_backward, aten.diagonal_backward),
    _eigenvectors: (aten._linalg_eigh,),
    _dot: (aten.dot,),
    _number: (aten._local_scalar_dense,),
    _never: (aten.equal,),
}

_RULES = {operation: rule for rule, group in _OPERATIONS.items() for operation in group}

_ONEDNN_RULES: dict[str, Callable[..., Any]] = {
    "mkldnn::_convolution_pointwise": _fused_convolution,
    "mkldnn::_reorder_convolution_weight": _like,
}
"""By name: not every build of torch has oneDNN."""
