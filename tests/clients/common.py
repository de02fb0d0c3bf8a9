"""What the SDK clients share: one JSON object a line on standard output, and how an exception is told.

Knows nothing of interception: this is an application as anybody would write it.
"""

import json
import logging
import sys


def say(event, **fields):
    """Prints one line and hands it over at once: a test may wait for it before it lets the provider go on."""
    print(json.dumps({"event": event, **fields}), flush=True)


class Retries(logging.Handler):
    """Counts the retries that an SDK announces in its own log."""

    def __init__(self, logger):
        super().__init__(logging.INFO)
        self.count = 0
        log = logging.getLogger(logger)
        log.setLevel(logging.INFO)
        log.addHandler(self)

    def emit(self, record):
        if record.getMessage().startswith("Retrying request"):
            self.count += 1


def run(failure, steps, tell=None, retries=None):
    """Reads `{"call": NAME, "prompt": TEXT, ...}` from each line of standard input and makes the call.

    The SDK's own exception, `failure`, ends a call, never the program; `tell` makes data of it. Retries are reported beside
    it where the SDK announces them.
    """
    tell = tell or told
    for line in sys.stdin:
        wanted = json.loads(line)
        count = {}
        if retries is not None:
            retries.count = 0
        try:
            steps[wanted["call"]](wanted)
            event, fields = "done", {}
        except failure as error:
            event, fields = "error", tell(error)
        if retries is not None:
            count = {"retries": retries.count}
        say(event, **fields, **count)


def told(error):
    """An SDK's exception as data. What an SDK does not have is None."""
    cause = error.__cause__
    return {
        "class": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", None),
        "param": getattr(error, "param", None),
        "message": getattr(error, "message", str(error)),
        "body": getattr(error, "body", None),
        "request_id": getattr(error, "request_id", None),
        "cause": None if cause is None else f"{type(cause).__name__}: {cause}",
    }
