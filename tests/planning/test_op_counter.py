import torch

from napari_nst.planning.meta_kernels import META
from napari_nst.planning.op_counter import OpCounter, Work

FLOAT = 4


def test_the_peak_is_what_was_alive_at_once() -> None:
    with OpCounter() as counter:
        first = torch.empty(1000, device=META)
        second = first + first
        del first
        third = torch.empty(500, device=META)
    assert counter.peak_bytes == 2000 * FLOAT
    assert counter.live_bytes == (len(second) + len(third)) * FLOAT


def test_views_and_work_in_place_take_no_memory() -> None:
    with OpCounter() as counter:
        whole = torch.empty((10, 100), device=META)
        whole[2:5].add_(whole[5:8]).relu_()
        whole.view(-1)[::2].mul_(2)
    assert counter.peak_bytes == 1000 * FLOAT


def test_a_new_peak_forgets_the_old_one() -> None:
    with OpCounter() as counter:
        kept = torch.empty(10, device=META)
        del_me = torch.empty(1000, device=META)
        del del_me
        counter.start_peak()
    assert counter.peak_bytes == len(kept) * FLOAT


def test_products_are_counted_in_multiplications_and_the_rest_in_bytes() -> None:
    with OpCounter() as counter:
        left, right = torch.empty((3, 5), device=META), torch.empty((5, 7), device=META)
        before = counter.work
        product = left @ right
        assert (counter.work - before).multiplications == 3 * 5 * 7
        before = counter.work
        product.add_(1)
        assert counter.work - before == Work(0, 2 * 21 * FLOAT, 1)


def test_questions_about_content_are_answered() -> None:
    with OpCounter():
        empty = torch.empty(4, device=META)
        assert float(empty.sum()) == 1
        assert bool(torch.isfinite(empty).all())
        assert not torch.equal(empty, empty.clone())
