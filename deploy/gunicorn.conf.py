"""gunicorn for one machine. WEB_CONCURRENCY and WEB_THREADS change its size, BIND_ADDRESS and PORT where it listens."""

import gc
import multiprocessing
import os

bind = f"{os.environ.get('BIND_ADDRESS', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"
# One thread a process: pages are work for the processor, and threads that share Python's lock
# halve what two cores give. One process more than cores keeps them busy while a query runs.
workers = int(os.environ.get("WEB_CONCURRENCY", multiprocessing.cpu_count() + 1))
threads = int(os.environ.get("WEB_THREADS", "1"))
worker_class = "gthread"
preload_app = True  # a worker that took its share of requests is followed by a fork, not by a start of four seconds
max_requests = 20000
max_requests_jitter = 2000
timeout = 60
graceful_timeout = 30
keepalive = 15
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
limit_request_line = 8190  # the most that it takes, about what nginx takes: what is too long in an address the product says itself
accesslog = None
loglevel = os.environ.get("LOG_LEVEL", "INFO").lower()

KEPT = 3  # connections that one worker keeps open for a next request
DRAINED = 64 * 1024  # bytes of a body that nobody read which gunicorn takes off the line to keep a connection


def pre_fork(server, worker):
    """A database connection must not be carried into two processes; nor looks the collector at what was loaded before.

    Everything that the product consists of, a million objects, was looked through again every few dozen requests: one
    of fifty took 0.2 s longer. Frozen, it also stays in memory that all processes share.
    """
    from django.db import connections

    connections.close_all()
    gc.collect()
    gc.freeze()


def pre_request(worker, request):
    """Spread connections over the workers.

    Several that open at once often land on the one worker that is awake; kept open, they stayed there
    while the others idle. Above its share a worker closes them after the answer, and the next one goes
    to whoever is free.

    A refusal may leave a long body unread, and gunicorn then drops the connection: the answer says so
    beforehand, whatever becomes of the body.
    """
    if getattr(worker, "nr_conns", 0) > KEPT or _may_stay_unread(request):
        request.force_close()


def _may_stay_unread(request):
    """Whether the body is longer than what is taken off the line unread, or of unknown length."""
    told = dict(request.headers)
    length = told.get("CONTENT-LENGTH", "0")
    return "TRANSFER-ENCODING" in told or (length.isdecimal() and int(length) >= DRAINED)
