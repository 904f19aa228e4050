"""What can go wrong between a host and the engine: one tree, every message a sentence fit to show an artist.

A message says what was expected, what came, and what to do. `exit_code` is what a shell or a farm returns.
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 1


class RequestError(ClientError):
    """The call itself is wrong: a value of the wrong kind, a name, a combination."""

    exit_code = 2


class RuntimeFolderError(ClientError):
    """The folder where workers are met can't be used, or is not the user's own."""


class EngineNotFoundError(ClientError):
    """No Python that has the engine was found."""


class WorkerStartError(ClientError):
    """The worker was started and did not get ready."""


class WorkerLostError(ClientError):
    """The worker ended, or stopped answering, while it was needed."""


class WorkerBusyError(ClientError):
    """The worker has as many clients or waiting jobs as it takes."""


class AuthenticationError(ClientError):
    """The other side does not hold the key."""


class ProtocolError(ClientError):
    """A message is not what this version of client and worker speak."""


class VersionError(ProtocolError):
    """Client and worker speak different versions."""


class JobFailedError(ClientError):
    """A job did not succeed. kind: usage, work, memory, crash, start or ended (see `protocol.FAILURES`)."""

    def __init__(self, message: str, kind: str = "work", exit_code: int = 1) -> None:
        super().__init__(message)
        self.kind = kind
        self.exit_code = exit_code


class JobCancelledError(ClientError):
    """A job was cancelled; what it had finished before is kept."""

    exit_code = 130
