"""
A phone of another make: PJSIP (C{pjsua2-python}), driven by lines of JSON.

It runs as a program of its own, since the library has threads, a log and a way
to crash of its own.  L{tests.interop.pjsip} drives it; the commands are the
methods of L{Phone}, and what it tells has the names that baresip uses.
"""

from __future__ import annotations

import select
import sys
from typing import Any

import pjsua2 as pj

from tests.interop.lines import Command, say, tell

TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
BUSY = 171001
"""PJSIP_EBUSY, which pjsua2 has no name for."""


class Log(pj.LogWriter):
    """The library's log, line by line with what we tell."""

    def write(self, entry: Any) -> None:
        """Write an entry."""
        say(entry.msg)


class Call(pj.Call):
    """One call; what becomes of it is told."""

    def __init__(self, phone: Phone, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        """Belong to a phone."""
        super().__init__(phone.account, call_id)
        self.phone = phone
        self.stays = False
        """Does it go on when somebody has come to whom it sent a REFER?"""

    def onCallState(self, prm: Any) -> None:
        """The call has come further."""
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
            tell("CALL_RINGING", param=str(info.lastStatusCode))
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            tell("CALL_ESTABLISHED", peeruri=info.remoteUri)
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.calls.remove(self)
            tell("CALL_CLOSED", param=f"{info.lastStatusCode} {info.lastReason}")

    def onCallMediaState(self, prm: Any) -> None:
        """Media flow, perhaps to another place than before: say and hear what there is."""
        info = self.getInfo()  # its streams are gone with it
        for number, stream in enumerate(info.media):
            if stream.type == pj.PJMEDIA_TYPE_AUDIO and stream.status != pj.PJSUA_CALL_MEDIA_NONE:
                self.phone.wire(self.getAudioMedia(number))

    def onCallTransferStatus(self, prm: Any) -> None:
        """A NOTIFY says how a transfer goes."""
        tell("TRANSFER", param=str(prm.statusCode))
        if prm.finalNotify and 200 <= prm.statusCode < 300 and not self.stays:
            self.hangup(pj.CallOpParam())
            prm.cont = False


class Account(pj.Account):
    """The one account."""

    phone: Phone

    def onRegState(self, prm: Any) -> None:
        """It is registered, or not."""
        if prm.code >= 200 and self.getInfo().regIsActive:
            tell("REGISTER_OK")
        elif prm.code >= 300:
            tell("REGISTER_FAIL", param=f"{prm.code} {prm.reason}")

    def onMwiInfo(self, prm: Any) -> None:
        """A NOTIFY says whether messages wait."""
        lines = prm.rdata.wholeMsg.replace("\r", "").partition("\n\n")[2].split("\n")
        for line in lines:
            if line.lower().startswith("voice-message:"):
                tell("MESSAGES", param=line.partition(":")[2].strip())

    def onIncomingCall(self, prm: Any) -> None:
        """Somebody calls: ring."""
        call = Call(self.phone, prm.callId)
        self.phone.calls.append(call)
        answer = pj.CallOpParam()
        answer.statusCode = 180
        call.answer(answer)
        tell("CALL_INCOMING", peeruri=call.getInfo().remoteUri)


class Buddy(pj.Buddy):
    """Somebody who is watched, by presence."""

    def onBuddyState(self) -> None:
        """A NOTIFY says how they are."""
        info = self.getInfo()
        if info.subState == pj.PJSIP_EVSUB_STATE_ACTIVE:
            status = info.presStatus
            word = {pj.PJSUA_BUDDY_STATUS_ONLINE: "open", pj.PJSUA_BUDDY_STATUS_OFFLINE: "closed"}
            tell(
                "PRESENCE",
                peeruri=info.uri,
                param=f"{word.get(status.status, '?')} {status.statusText}".strip(),
            )
        elif info.subState == pj.PJSIP_EVSUB_STATE_TERMINATED:
            tell("PRESENCE_OVER", peeruri=info.uri, param=str(info.subTermReason))


class Phone:
    """What can be asked of the phone; each method is a command."""

    def __init__(
        self, user: str, password: str, server: str, transport: str, authority: str, rtp: int
    ) -> None:
        """Start the library."""
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
        config.uaConfig.maxCalls = 8
        config.logConfig.level, config.logConfig.consoleLevel, config.logConfig.msgLogging = 4, 4, 1
        self.log = config.logConfig.writer = Log()
        self.log.__disown__()
        self.endpoint.libInit(config)
        socket = pj.TransportConfig()
        socket.boundAddress = "127.0.0.1"
        socket.tlsConfig.CaListFile, socket.tlsConfig.verifyServer = authority, bool(authority)
        self.endpoint.transportCreate(TRANSPORTS[transport], socket)
        self.endpoint.audDevManager().setNullDev()
        self.endpoint.libStart()
        self.calls: list[Call] = []
        self._server = f"{server};transport={transport}"
        wanted = pj.AccountConfig()
        wanted.idUri = f"sip:{user}@{server}"
        wanted.regConfig.registrarUri = f"sip:{self._server}"
        wanted.regConfig.registerOnAdd = False
        wanted.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        wanted.mediaConfig.transportConfig.port = rtp
        wanted.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        wanted.mediaConfig.lockCodecEnabled = False
        wanted.natConfig.iceEnabled = False
        self.account = Account()
        self.account.phone = self
        self.account.create(wanted)
        self._wanted = wanted
        self.buddies: list[Buddy] = []
        self._mouth: Any = None
        self._ear: Any = None

    def encrypt(self) -> None:
        """Speak SRTP with keys in the session (SDES), and nothing else."""
        self._wanted.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        self._wanted.mediaConfig.srtpSecureSignaling = 0
        self.account.modify(self._wanted)

    def speak(self, *codecs: str) -> None:
        """Speak these codecs and no others, as C{PCMA/8000/1}."""
        for codec in self.endpoint.codecEnum2():
            self.endpoint.codecSetPriority(codec.codecId, 200 if codec.codecId in codecs else 0)

    def sound(self, frequency: str, path: str) -> None:
        """Say a tone in all calls, and write what is heard to a WAV file."""
        self._mouth, self._ear = pj.ToneGenerator(), pj.AudioMediaRecorder()
        self._mouth.createToneGenerator()
        said = pj.ToneDesc()
        said.freq1, said.freq2, said.on_msec, said.off_msec = int(frequency), 0, 20_000, 0
        said.volume = 8000
        tones = pj.ToneDescVector()
        tones.append(said)
        self._mouth.play(tones, True)
        self._ear.createRecorder(path)

    def wire(self, media: Any) -> None:
        """Let a call hear the tone, and the recorder the call."""
        if self._mouth is not None:
            self._mouth.startTransmit(media)
            media.startTransmit(self._ear)

    def press(self, keys: str) -> None:
        """Press keys in the latest call."""
        self._call.dialDtmf(keys)

    def _uri(self, to: str) -> str:
        return to if ":" in to else f"sip:{to}@{self._server}"

    @property
    def _call(self) -> Call:
        return self.calls[-1]

    def register(self) -> None:
        """Register; it does so by itself when its connection has gone, and then says that it is busy."""
        try:
            self.account.setRegistration(True)
        except pj.Error as error:
            if error.status != BUSY:
                raise

    def watch(self, who: str) -> None:
        """Subscribe to somebody's presence."""
        buddy = Buddy()
        self.buddies.append(buddy)
        config = pj.BuddyConfig()
        config.uri, config.subscribe = self._uri(who), True
        buddy.create(self.account, config)

    def unwatch(self) -> None:
        """End the latest of these subscriptions."""
        self.buddies[-1].subscribePresence(False)

    def want_messages(self) -> None:
        """Subscribe to the own mailbox."""
        self._wanted.mwiConfig.enabled = True
        self.account.modify(self._wanted)

    def publish(self, note: str) -> None:
        """Say how one is: away, with a note."""
        self._wanted.presConfig.publishEnabled = True
        self.account.modify(self._wanted)
        status = pj.PresenceStatus()
        status.status, status.activity, status.note = (
            pj.PJSUA_BUDDY_STATUS_ONLINE,
            pj.PJRPID_ACTIVITY_AWAY,
            note,
        )
        self.account.setOnlineStatus(status)

    def pick_up(self, replaces: str) -> None:
        """Call with Replaces, as the key of a lamp does: the user, then the dialog."""
        to, _, dialog = replaces.partition(" ")
        call, given = Call(self), pj.CallOpParam(True)
        for name, value in (("Replaces", dialog), ("Require", "replaces")):
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            given.txOption.headers.append(header)
        tell("CALL_OUTGOING")
        self.calls.append(call)
        call.makeCall(self._uri(to), given)

    def dial(self, to: str) -> None:
        """Call somebody; other calls are held first by whoever drives us."""
        tell("CALL_OUTGOING")
        call = Call(self)
        self.calls.append(call)
        call.makeCall(self._uri(to), pj.CallOpParam(True))

    def answer(self, code: int = 200) -> None:
        """Answer the latest call with any status."""
        answer = pj.CallOpParam()
        answer.statusCode = code
        self._call.answer(answer)

    def redirect(self, to: str) -> None:
        """Send the caller elsewhere."""
        answer = pj.CallOpParam()
        answer.statusCode, answer.reason = 302, "Moved Temporarily"
        contact = pj.SipHeader()
        contact.hName, contact.hValue = "Contact", f"<{self._uri(to)}>"
        answer.txOption.headers.append(contact)
        self._call.answer(answer)

    def hang_up(self, number: int = -1) -> None:
        """End or refuse a call."""
        end = pj.CallOpParam()
        info = self.calls[number].getInfo()
        if info.role == pj.PJSIP_ROLE_UAS and info.state < pj.PJSIP_INV_STATE_CONFIRMED:
            end.statusCode = 486
        self.calls[number].hangup(end)

    def hold(self, number: int = -1) -> None:
        """Hold a call."""
        self.calls[number].setHold(pj.CallOpParam(True))

    def resume(self, number: int = -1) -> None:
        """Take a call back."""
        change = pj.CallOpParam(True)
        change.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.calls[number].reinvite(change)

    def transfer(self, to: str) -> None:
        """Transfer the latest call blind."""
        self._call.xfer(self._uri(to), pj.CallOpParam())

    def bring(self, to: str) -> None:
        """Ask the focus of the latest call, a conference, to ring somebody."""
        self._call.stays = True
        self._call.xfer(self._uri(to), pj.CallOpParam())

    def bring_first(self) -> None:
        """Ask it to take over the first call."""
        self._call.stays = True
        self._call.xferReplaces(self.calls[0], pj.CallOpParam())

    def attend(self) -> None:
        """Transfer the first call to the party of the latest."""
        self.calls[0].xferReplaces(self.calls[-1], pj.CallOpParam())


def main() -> None:
    """Take commands until there are no more."""
    user, password, server, transport, authority, rtp = sys.argv[1:]
    phone = Phone(user, password, server, transport, authority, int(rtp))
    tell("READY")
    while True:
        phone.endpoint.libHandleEvents(5)
        if not select.select([sys.stdin], [], [], 0)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        command = Command.of(line)
        try:
            getattr(phone, command.name)(*command.arguments)
        except pj.Error as error:
            command.answer(error.info())
        except LookupError as error:
            command.answer(error)
        else:
            command.answer()
    phone.endpoint.libDestroy()


if __name__ == "__main__":
    main()
