"""The doors for programs: a file a noun. What they share is in lists.py, and for all apps in people/api.py."""

from ninja import Router

from evaluation.api import certificates, completions, hand_overs, hours, replies, results, structure

router = Router()
for _part in (completions, certificates, hours, structure, results, hand_overs, replies):
    router.add_router("", _part.router)
