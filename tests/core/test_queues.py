"""Papers have a queue of their own: hundreds of them keep nothing waiting that somebody waits for."""

import re
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from kombu import Connection

ROOT = Path(__file__).resolve().parents[2]
WORKER = re.compile(r"celery\b.* -A config worker\b(.*)")


def queue_of(task: str) -> str:
    return current_app.amqp.router.route({}, task)["queue"].name


@pytest.mark.parametrize("entry", settings.CELERY_BEAT_SCHEDULE.values(), ids=settings.CELERY_BEAT_SCHEDULE)
def test_what_is_scheduled_does_not_stand_behind_papers(entry):
    assert queue_of("certificates.tasks.render") == "papers"
    assert queue_of(entry["task"]) == "celery"


def test_imports_do_not_stand_behind_papers():
    assert {queue_of(f"quizzes.tasks.{name}") for name in ("check_import", "run_import", "apply_remark", "make_analysis")} == {"celery"}


def test_a_worker_that_names_no_queue_takes_all():
    assert set(current_app.amqp.queues) == {"celery", "papers"}


@pytest.mark.parametrize("files", ["deploy/Procfile", "deploy/systemd/*.service"])
def test_each_queue_has_a_worker_of_its_own_and_each_worker_its_own_name(files):
    lines = [found[1] for path in ROOT.glob(files) for found in WORKER.finditer(path.read_text())]
    queues = [re.search(r"-Q (\S+)", line)[1] for line in lines]
    names = [re.search(r"-n (\w+)@", line)[1] if " -n " in line else "celery" for line in lines]

    assert sorted(queues) == sorted(queue.name for queue in settings.CELERY_TASK_QUEUES)
    assert len(set(names)) == len(names)


def test_the_broker_on_disk_hands_out_each_queue_apart(tmp_path):
    folders = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path / "control")}
    (tmp_path / "control").mkdir()
    taken: list[str] = []
    with Connection("filesystem://", transport_options=folders) as broker:
        ordinary, papers = (queue(broker.default_channel) for queue in settings.CELERY_TASK_QUEUES)
        producer = broker.Producer()
        for body, queue in [("paper 1", papers), ("paper 2", papers), ("overdue", ordinary)]:
            producer.publish(body, exchange=queue.exchange, routing_key=queue.routing_key, declare=[queue])
        while message := ordinary.get(no_ack=True):
            taken.append(message.payload)

        assert taken == ["overdue"]
        # Sent within one tick of the file system's clock, in either order.
        assert {papers.get(no_ack=True).payload for _ in range(2)} == {"paper 1", "paper 2"}
