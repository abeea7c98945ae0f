"""What both ends of the socket between the service and a media worker have in common (AMP)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

GONE = "the media worker is gone"


class WorkerLine(amp.AMP):
    """
    One end.

    AMP by itself ends the connection when a command breaks.  Here the others
    of a worker go on: the log has the failure, and who has asked is told.
    """

    log = Logger()

    def dispatchCommand(self, box: Any) -> Deferred[Any]:
        """Do what the other end asks for."""
        done: Deferred[Any] = super().dispatchCommand(box)
        return done.addErrback(self._contain)

    def _contain(self, failure: Failure) -> Failure:
        if failure.check(amp.RemoteAmpError) is not None:
            return failure
        self.log.failure("a command to a media worker broke", failure)
        told = amp.RemoteAmpError(amp.UNKNOWN_ERROR_CODE, "it broke", fatal=False, local=failure)
        return Failure(told)

    def ask(self, command: type[amp.Command], **what: Any) -> Deferred[Any]:
        """Ask the other end; it never raises."""
        try:
            asked: Deferred[Any] = self.callRemote(command, **what)
        except amp.TooLong:
            return fail(Failure())
        return asked


def trouble(failure: Failure) -> str:
    """Why an answer did not come, for people; empty if it has come and says something else."""
    if failure.check(ConnectionDone, ConnectionLost, amp.ProtocolSwitched) is not None:
        return GONE
    if failure.check(amp.TooLong) is not None:
        return "the description is too long"
    if failure.check(amp.UnknownRemoteError) is not None:
        return "the media worker has failed at it, its log says why"
    return ""
