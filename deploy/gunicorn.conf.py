"""gunicorn for one machine. WEB_CONCURRENCY and WEB_THREADS change its size."""

import multiprocessing
import os

bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
# One thread a process: pages are work for the processor, and threads that share Python's lock
# halve what two cores give. One process more than cores keeps them busy while a query runs.
workers = int(os.environ.get("WEB_CONCURRENCY", multiprocessing.cpu_count() + 1))
threads = int(os.environ.get("WEB_THREADS", "1"))
worker_class = "gthread"
preload_app = False
max_requests = 20000
max_requests_jitter = 2000
timeout = 60
graceful_timeout = 30
keepalive = 15
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
accesslog = None
loglevel = os.environ.get("LOG_LEVEL", "INFO").lower()
