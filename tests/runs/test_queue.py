import random

import pytest

from napari_nst.errors import ImageError
from napari_nst.runs.queue import RunQueue


class Jobs:
    """Notes what the queue starts and stops."""

    def __init__(self):
        self.started, self.stopped, self.changes, self.refused = [], [], 0, []
        self.queue = RunQueue(self.start, self.stopped.append)
        self.queue.changed.connect(self._count)
        self.queue.refused.connect(lambda ticket, error: self.refused.append((ticket.job, error)))

    def start(self, ticket):
        self.started.append(ticket)

    def _count(self):
        self.changes += 1

    @property
    def names(self):
        return [ticket.job for ticket in self.started]

    @property
    def line(self):
        return [ticket.job for ticket in self.queue.waiting]


@pytest.fixture
def jobs():
    return Jobs()


def test_the_first_job_starts_at_once_and_the_others_wait(jobs):
    for name in "abc":
        jobs.queue.enqueue(name)
    assert jobs.names == ["a"]
    assert jobs.line == ["b", "c"]


def test_jobs_start_in_the_order_of_the_line_as_each_ends(jobs):
    for name in "abc":
        jobs.queue.enqueue(name)
    for _ in "abc":
        jobs.queue.ended(jobs.started[-1])
    assert jobs.names == ["a", "b", "c"]
    assert not jobs.queue.computing


def test_an_end_told_twice_starts_one_job_only(jobs):
    for name in "abc":
        jobs.queue.enqueue(name)
    first = jobs.started[0]
    jobs.queue.ended(first)
    jobs.queue.ended(first)
    assert jobs.names == ["a", "b"]


def test_devices_do_not_wait_for_each_other(jobs):
    jobs.queue.enqueue("a", device="cpu")
    jobs.queue.enqueue("b", device="cpu")
    jobs.queue.enqueue("c", device="cuda:0")
    assert jobs.names == ["a", "c"]
    assert jobs.line == ["b"]


def test_the_same_job_may_wait_twice_and_is_cancelled_once(jobs):
    jobs.queue.enqueue("a")
    jobs.queue.enqueue("b")
    second = jobs.queue.enqueue("b")
    jobs.queue.cancel(second)
    assert jobs.line == ["b"]


@pytest.mark.parametrize(
    ("place", "line"),
    [(0, ["d", "b", "c"]), (1, ["b", "d", "c"]), (99, ["b", "c", "d"]), (-5, ["d", "b", "c"])],
)
def test_a_waiting_job_moves_to_any_place_of_the_line(jobs, place, line):
    tickets = [jobs.queue.enqueue(name) for name in "abcd"]
    jobs.queue.move(tickets[-1], place)
    assert jobs.line == line


def test_a_job_that_computes_cannot_be_moved_back_into_the_line(jobs):
    first = jobs.queue.enqueue("a")
    jobs.queue.enqueue("b")
    jobs.queue.move(first, 1)
    assert jobs.line == ["b"]
    assert jobs.queue.computing == (first,)


def test_cancelling_a_waiting_job_neither_starts_nor_stops_it(jobs):
    jobs.queue.enqueue("a")
    jobs.queue.cancel(jobs.queue.enqueue("b"))
    jobs.queue.ended(jobs.started[0])
    assert jobs.names == ["a"]
    assert not jobs.stopped


def test_cancelling_the_job_that_computes_asks_it_to_stop_and_keeps_the_device_till_its_end(jobs):
    first = jobs.queue.enqueue("a")
    jobs.queue.enqueue("b")
    jobs.queue.cancel(first)
    assert jobs.stopped == [first]
    assert jobs.names == ["a"]
    jobs.queue.ended(first)
    assert jobs.names == ["a", "b"]


def test_cancel_all_starts_nothing_even_if_jobs_end_while_being_stopped():
    jobs = Jobs()
    jobs.queue = RunQueue(jobs.start, lambda ticket: jobs.queue.ended(ticket))
    for name in "abc":
        jobs.queue.enqueue(name)
    jobs.queue.cancel_all()
    assert jobs.names == ["a"]
    assert not jobs.queue.waiting
    assert not jobs.queue.computing


def test_a_job_that_cannot_start_is_refused_and_the_next_one_starts(jobs):
    def start(ticket):
        if ticket.job == "bad":
            raise ImageError("the layer is gone")
        jobs.start(ticket)

    jobs.queue._start = start
    for name in ("a", "bad", "b"):
        jobs.queue.enqueue(name)
    jobs.queue.ended(jobs.started[0])
    assert jobs.names == ["a", "b"]
    assert [job for job, _ in jobs.refused] == ["bad"]


def test_a_programming_error_at_a_start_is_raised_and_leaves_the_device_free(jobs):
    def start(ticket):
        raise KeyError(ticket.job)

    jobs.queue._start = start
    with pytest.raises(KeyError):
        jobs.queue.enqueue("a")
    assert not jobs.queue.computing


def test_jobs_that_end_within_their_start_all_run_once():
    jobs = Jobs()

    def start(ticket):
        jobs.started.append(ticket)
        jobs.queue.ended(ticket)

    jobs.queue._start = start
    for name in "abc":
        jobs.queue.enqueue(name)
    assert jobs.names == ["a", "b", "c"]
    assert not jobs.queue.computing


def test_listeners_hear_of_every_change(jobs):
    first = jobs.queue.enqueue("a")
    second = jobs.queue.enqueue("b")
    third = jobs.queue.enqueue("c")
    before = jobs.changes
    jobs.queue.move(third, 0)
    jobs.queue.cancel(second)
    jobs.queue.ended(first)
    assert jobs.changes == before + 3


def test_whatever_is_asked_each_device_computes_one_job_and_no_job_is_lost(jobs):
    dice = random.Random(0)
    queue, asked, dropped, ended = jobs.queue, [], set(), set()
    for turn in range(400):
        match dice.randrange(4):
            case 0 | 1:
                asked.append(queue.enqueue(turn, device=dice.choice(["cpu", "cuda:0"])))
            case 2 if queue.waiting:
                ticket = dice.choice(queue.waiting)
                if dice.random() < 0.5:
                    queue.move(ticket, dice.randrange(9))
                else:
                    queue.cancel(ticket)
                    dropped.add(ticket)
            case 3 if queue.computing:
                ended.add(dice.choice(queue.computing))
                for ticket in ended:
                    queue.ended(ticket)
        devices = [ticket.device for ticket in queue.computing]
        assert len(devices) == len(set(devices))
        assert all(ticket.device in devices for ticket in queue.waiting)
        states = [*dropped, *ended, *queue.waiting, *queue.computing]
        assert len(states) == len(asked)
        assert set(states) == set(asked)
