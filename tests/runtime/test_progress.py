from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from floodmark.runtime.progress import Progress

HERE = TopicPartition("t", 0)


class Reading:
    def __init__(self, stage, end, done=0):
        self.stage, self.end, self.done = stage, end, done

    async def ends(self):
        if self.end is None:
            raise KafkaConnectionError
        return {HERE: self.end}

    def delivered(self, ends):
        return all(self.done >= end for end in ends.values())


async def test_what_was_there_is_read_whatever_comes_after():
    progress = Progress()
    group = Reading("detect", 10, done=8)
    progress.groups = [Reading("route", 3, done=3), group]
    ends = await progress.ends("detect")
    assert not progress.delivered("detect", ends)
    group.end, group.done = 50, 10
    assert progress.delivered("detect", ends)
    assert not progress.delivered("detect", await progress.ends("detect"))


async def test_nothing_is_known_of_who_is_not_there():
    progress = Progress()
    assert await progress.ends("detect") is None
    assert not progress.delivered("detect", {})
    progress.groups = [Reading("detect", None)]
    assert await progress.ends("detect") is None
