import random

import pytest

from napari_nst.runs.queue import RunQueue


class Jobs:
    """Notes what the queue starts and stops."""

    def __init__(self):
        self.started, self.stopped, self.changes = [], [], 0
        self.queue = RunQueue(self.started.append, self.stopped.append)
        self.queue.changed.connect(self._count)

    def _count(self):
        self.changes += 1

    @property
    def line(self):
        return list(self.queue.waiting)


@pytest.fixture
def jobs():
    return Jobs()


def test_the_first_job_starts_at_once_and_the_others_wait(jobs):
    for name in "abc":
        jobs.queue.enqueue(name)
    assert jobs.started == ["a"]
    assert jobs.line == ["b", "c"]


def test_jobs_start_in_the_order_of_the_line_as_each_ends(jobs):
    for name in "abc":
        jobs.queue.enqueue(name)
    for _ in "abc":
        jobs.queue.ended(jobs.started[-1])
    assert jobs.started == ["a", "b", "c"]
    assert jobs.queue.computing is None


def test_an_end_told_twice_starts_one_job_only(jobs):
    for name in "abc":
        jobs.queue.enqueue(name)
    jobs.queue.ended("a")
    jobs.queue.ended("a")
    assert jobs.started == ["a", "b"]


@pytest.mark.parametrize(
    ("place", "line"),
    [(0, ["d", "b", "c"]), (1, ["b", "d", "c"]), (99, ["b", "c", "d"]), (-5, ["d", "b", "c"])],
)
def test_a_waiting_job_moves_to_any_place_of_the_line(jobs, place, line):
    for name in "abcd":
        jobs.queue.enqueue(name)
    jobs.queue.move("d", place)
    assert jobs.line == line


def test_a_job_that_computes_cannot_be_moved_back_into_the_line(jobs):
    for name in "ab":
        jobs.queue.enqueue(name)
    jobs.queue.move("a", 1)
    assert jobs.line == ["b"]
    assert jobs.queue.computing == "a"


def test_cancelling_a_waiting_job_neither_starts_nor_stops_it(jobs):
    for name in "ab":
        jobs.queue.enqueue(name)
    jobs.queue.cancel("b")
    jobs.queue.ended("a")
    assert jobs.started == ["a"]
    assert not jobs.stopped


def test_cancelling_the_job_that_computes_asks_it_to_stop_and_the_next_waits_for_its_end(jobs):
    for name in "ab":
        jobs.queue.enqueue(name)
    jobs.queue.cancel("a")
    assert jobs.stopped == ["a"]
    assert jobs.started == ["a"]
    jobs.queue.ended("a")
    assert jobs.started == ["a", "b"]


def test_cancel_all_starts_nothing_even_if_jobs_end_while_being_stopped():
    jobs = Jobs()
    jobs.queue = RunQueue(jobs.started.append, lambda job: jobs.queue.ended(job))
    for name in "abc":
        jobs.queue.enqueue(name)
    jobs.queue.cancel_all()
    assert jobs.started == ["a"]
    assert not jobs.queue.waiting
    assert jobs.queue.computing is None


def test_an_error_at_a_start_is_raised_and_the_next_job_can_start(jobs):
    def start(job):
        if job == "bad":
            raise KeyError(job)
        jobs.started.append(job)

    queue = RunQueue(start, jobs.stopped.append)
    with pytest.raises(KeyError):
        queue.enqueue("bad")
    assert queue.computing is None
    queue.enqueue("a")
    assert jobs.started == ["a"]


def test_jobs_that_end_within_their_start_all_run_once():
    jobs = Jobs()

    def start(job):
        jobs.started.append(job)
        jobs.queue.ended(job)

    jobs.queue = RunQueue(start, jobs.stopped.append)
    for name in "abc":
        jobs.queue.enqueue(name)
    assert jobs.started == ["a", "b", "c"]
    assert jobs.queue.computing is None


def test_listeners_hear_of_every_change(jobs):
    for name in "abc":
        jobs.queue.enqueue(name)
    before = jobs.changes
    jobs.queue.move("c", 0)
    jobs.queue.cancel("b")
    jobs.queue.ended("a")
    assert jobs.changes == before + 3


def test_whatever_is_asked_one_job_computes_at_a_time_and_no_job_is_lost(jobs):
    dice = random.Random(0)
    queue, asked, dropped, ended = jobs.queue, [], set(), set()
    for turn in range(400):
        match dice.randrange(4):
            case 0 | 1:
                queue.enqueue(turn)
                asked.append(turn)
            case 2 if queue.waiting:
                job = dice.choice(queue.waiting)
                if dice.random() < 0.5:
                    queue.move(job, dice.randrange(9))
                else:
                    queue.cancel(job)
                    dropped.add(job)
            case 3 if queue.computing is not None:
                ended.add(queue.computing)
                for job in sorted(ended):
                    queue.ended(job)
        assert queue.computing is not None or not queue.waiting
        computing = [] if queue.computing is None else [queue.computing]
        states = [*dropped, *ended, *queue.waiting, *computing]
        assert sorted(states) == sorted(asked)


def test_nothing_starts_while_the_queue_is_held(jobs):
    jobs.queue.enqueue("a")
    jobs.queue.hold()
    jobs.queue.enqueue("b")
    jobs.queue.ended("a")
    assert jobs.started == ["a"]
    assert jobs.queue.computing is None
    jobs.queue.release()
    assert jobs.started == ["a", "b"]
    jobs.queue.release()
    assert jobs.started == ["a", "b"]
