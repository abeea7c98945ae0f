"""Registers the callee, from the very port at which it will take calls."""

from __future__ import annotations

import socket
import time

from b2bua.wire.digest import Challenge, answer_challenge
from b2bua.wire.message import Response
from b2bua.wire.parser import parse

TRIES = 20


def register(host: str, server: int, port: int, user: str, password: str, *, source: str = "") -> None:
    """
    Register C{user}, whose phone is at C{port}, with digest.

    @param source: the address of the phone, if it is not that of the server.
    """
    source = source or host
    uri = f"sip:{host}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((source, port))
        phone.settimeout(0.5)
        credentials = ""
        mark = f"{time.time_ns():x}"
        for number in range(1, TRIES):
            request = (
                f"REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:{port};branch=z9hG4bK{mark}{number}\r\n"
                f"From: <sip:{user}@{host}>;tag=1\r\nTo: <sip:{user}@{host}>\r\nCall-ID: {mark}@{host}\r\n"
                f"CSeq: {number} REGISTER\r\nContact: <sip:{user}@{source}:{port}>\r\nMax-Forwards: 70\r\n"
                f"Expires: 3600\r\n{credentials}Content-Length: 0\r\n\r\n"
            )
            phone.sendto(request.encode(), (host, server))
            try:
                response = parse(phone.recv(65536))
            except TimeoutError:
                continue
            if not isinstance(response, Response) or response.code == 100:
                continue
            if response.code == 200:
                return
            if response.code != 401:
                raise RuntimeError(f"the callee could not register: {response.code} {response.reason}")
            challenge: Challenge = response.challenges[0]
            value = answer_challenge(challenge, user, password, "REGISTER", uri, b"", "cnonce", 1)
            credentials = f"Authorization: {value}\r\n"
    raise RuntimeError("the callee could not register: no answer")
