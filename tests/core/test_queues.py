"""Papers, which come in hundreds, and files of questions, which take minutes, have queues of their own: no exam waits for them."""

import re
import threading
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from kombu import Connection, Exchange, Queue
from kombu.utils import json as kombu_json

from quizzes.services import exchange
from quizzes.tasks import check_import, run_import

ROOT = Path(__file__).resolve().parents[2]
WORKER = re.compile(r"celery\b.* -A config worker\b(.*)")


def queue_of(task: str) -> str:
    return current_app.amqp.router.route({}, task)["queue"].name


@pytest.mark.parametrize("entry", settings.CELERY_BEAT_SCHEDULE.values(), ids=settings.CELERY_BEAT_SCHEDULE)
def test_what_is_scheduled_stands_behind_no_paper_and_no_file_of_questions(entry):
    assert queue_of(entry["task"]) == "celery"


def test_papers_and_what_takes_minutes_have_queues_of_their_own_and_passes_wait_for_neither():
    assert queue_of("certificates.tasks.render") == "papers"
    assert {queue_of(f"quizzes.tasks.{name}") for name in ("check_import", "run_import", "apply_remark", "make_analysis")} == {"questions"}
    assert queue_of("quizzes.tasks.tell_passes") == "celery"


def test_every_route_leads_to_a_task_and_a_queue_that_there_is():
    current_app.loader.import_default_modules()
    assert set(settings.CELERY_TASK_ROUTES) <= set(current_app.tasks)
    assert {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} <= {queue.name for queue in settings.CELERY_TASK_QUEUES}


def test_a_reader_of_files_is_stopped_before_another_one_would_begin_beside_it():
    for task in (check_import, run_import):
        assert task.soft_time_limit < task.time_limit < exchange.SILENT.total_seconds()


def test_a_worker_that_names_no_queue_takes_all():
    assert set(current_app.amqp.queues) == {"celery", "papers", "questions"}


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
        ordinary, papers, _questions = (queue(broker.default_channel) for queue in settings.CELERY_TASK_QUEUES)
        producer = broker.Producer()
        for body, queue in [("paper 1", papers), ("paper 2", papers), ("overdue", ordinary)]:
            producer.publish(body, exchange=queue.exchange, routing_key=queue.routing_key, declare=[queue])
        while message := ordinary.get(no_ack=True):
            taken.append(message.payload)

        assert taken == ["overdue"]
        # Sent within one tick of the file system's clock, in either order.
        assert {papers.get(no_ack=True).payload for _ in range(2)} == {"paper 1", "paper 2"}


@pytest.fixture
def broker(tmp_path):
    folders = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path / "control")}
    (tmp_path / "control").mkdir()
    with Connection("filesystem://", transport_options=folders) as connection:
        connection.transport.state.clear()  # the process remembers what it bound, in whichever folder
        yield connection
        connection.transport.state.clear()


def test_nobody_finds_a_message_on_disk_before_it_is_whole(broker, tmp_path, monkeypatch):
    queue = settings.CELERY_TASK_QUEUES[0](broker.default_channel)
    queue.declare()
    seen, dumps = [], kombu_json.dumps

    def looked_for_while_written(payload, *args, **kwargs):
        seen.append(queue.get(no_ack=True))
        return dumps(payload, *args, **kwargs)

    for module in ("config.broker.dumps", "kombu.transport.filesystem.dumps"):
        monkeypatch.setattr(module, looked_for_while_written)
    broker.Producer().publish("overdue", exchange=queue.exchange, routing_key=queue.routing_key)

    assert seen == [None]
    assert queue.get(no_ack=True).payload == "overdue"
    assert not [path.name for path in tmp_path.iterdir() if path.is_file()]


def test_a_message_that_a_crash_cut_off_stops_no_worker(broker, tmp_path):
    queue = settings.CELERY_TASK_QUEUES[0](broker.default_channel)
    queue.declare()
    (tmp_path / f"{1:015d}_cut-off.celery.msg").write_bytes(b"")
    broker.Producer().publish("overdue", exchange=queue.exchange, routing_key=queue.routing_key)

    assert queue.get(no_ack=True) is None
    assert queue.get(no_ack=True).payload == "overdue"


def test_processes_that_start_at_once_read_no_half_written_bindings(broker, tmp_path):
    """Each binds while the others read: with kombu's own transport a reader finds an empty table."""
    control, faults = tmp_path / "control", []

    def start(which: int) -> None:
        options = broker.transport_options
        with Connection("filesystem://", transport_options=options) as own:
            for turn in range(25):
                try:
                    Queue(f"q{turn}", Exchange(f"x{turn}"), routing_key=f"q{turn}")(own.default_channel).declare()
                    own.default_channel.get_table(f"x{turn}")
                except ValueError as fault:
                    faults.append(fault)

    threads = [threading.Thread(target=start, args=(which,)) for which in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not faults
    assert len(list(control.glob("*.exchange"))) == 25
