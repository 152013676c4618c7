"""A server's name and its certificate, looked at by themselves: what stands before any login.

Knows sockets and TLS, and which authorities requests are sent with; knows no API. A certificate nobody
trusts is looked at a second time without trusting it, because who issued it is what a person needs to know.
"""

from __future__ import annotations

import os
import socket
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests.utils
from cryptography import x509
from cryptography.x509.oid import NameOID
from urllib3.util.ssl_ import create_urllib3_context

from monitor.errors import Reason, SfccError
from monitor.sfcc.login.certificate import ClientCertificate
from monitor.sfcc.network import network_error

TIMEOUT = 5.0  # seconds; each address of a name has as much
OBJECTION = 0.5  # seconds
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
WRONG_NAME = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH
EXPIRED = 10
NOT_YET = 9


@dataclass(frozen=True, slots=True)
class Trust:
    """What the requests to an instance are sent with: see `session`."""

    ca_file: str | None = None
    verify: bool = True
    certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """How the server showed itself; `issuer` is who vouches for it."""

    version: str
    issuer: str
    self_signed: bool = False


def resolve(url: str) -> tuple[str, ...]:
    """The addresses of its host; raises `SfccError`."""
    host, port = _place(url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise network_error(error, host) from error
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def greet(url: str, trust: Trust) -> Greeting:
    """Connects and shakes hands as requests would; raises `SfccError`, which names the issuer of what it
    does not trust."""
    host, port = _place(url)
    context = _context(trust)
    try:
        return _greeting(host, port, context)
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(host, port, error) from error
    except ssl.SSLError as error:
        raise SfccError(Reason.NETWORK, _broken_off(host, error, trust)) from error
    except OSError as error:
        raise network_error(error, host) from error


def proxied(url: str) -> bool:
    """Whether requests there go through a proxy, which then resolves the name and opens the connection."""
    scheme, host = urlsplit(url).scheme, urlsplit(url).netloc
    proxies = urllib.request.getproxies()
    return bool(proxies.get(scheme) or proxies.get("all")) and not urllib.request.proxy_bypass(host)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


def _context(trust: Trust) -> ssl.SSLContext:
    context = _strict(trust) if trust.verify else _lenient()
    return context if trust.certificate is None else trust.certificate.contexts(lambda: context)()


def _strict(trust: Trust) -> ssl.SSLContext:
    own = next((os.environ[name] for name in BUNDLES if os.environ.get(name)), None)
    bundle = own or requests.utils.DEFAULT_CA_BUNDLE_PATH
    is_folder = Path(bundle).is_dir()
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.check_hostname = True
    try:
        context.load_verify_locations(None if is_folder else bundle, bundle if is_folder else None)
        if trust.ca_file:
            context.load_verify_locations(cafile=trust.ca_file)
    except OSError as error:
        text = f"the authorities to trust cannot be read ({trust.ca_file or bundle}): check ca_file"
        raise SfccError(Reason.NETWORK, text) from error
    return context


def _lenient() -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    context.check_hostname = False
    return context


def _greeting(host: str, port: int, context: ssl.SSLContext) -> Greeting:
    with (
        socket.create_connection((host, port), timeout=TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        _wait_for_an_objection(connection)
        certificate = connection.getpeercert(binary_form=True)
        issuer, self_signed = _issuer(certificate or b"")
        return Greeting(connection.version() or "TLS", issuer, self_signed)


def _wait_for_an_objection(connection: ssl.SSLSocket) -> None:
    """By TLS 1.3, a server that misses our certificate says so when all seems done; raises `SSLError`."""
    connection.settimeout(OBJECTION)
    try:
        said = connection.recv(1)
    except TimeoutError:
        return  # it waits for a request, as it should
    if not said:
        raise ssl.SSLEOFError(0, "closed after the handshake")


def _broken_off(host: str, error: ssl.SSLError, trust: Trust) -> str:
    said = f"{host} breaks off the TLS handshake ({error.reason or 'without a word'})"
    if trust.certificate is not None:
        return f"{said}: it may not take the client certificate {trust.certificate.path}, or that has ended"
    return f"{said}: it may want a client certificate, as staging does: set certificate and its passphrase"


def _untrusted(host: str, port: int, error: ssl.SSLCertVerificationError) -> SfccError:
    try:
        seen = _greeting(host, port, _lenient())
    except OSError:
        seen = Greeting("", "an unknown issuer")
    if error.verify_code in WRONG_NAME:
        text = f"the certificate that answers for {host} is for another name: check the server's name"
    elif error.verify_code in {EXPIRED, NOT_YET}:
        text = (
            f"the certificate of {host}, issued by {seen.issuer}, is not valid today: "
            "check this machine's clock, else it has to be renewed there"
        )
    elif seen.self_signed:
        text = (
            f"the certificate of {host} is signed by itself ({seen.issuer}): of a sandbox of your own, "
            "name its file in ca_file; or set selfsigned = true, which takes any certificate"
        )
    else:
        text = (
            f"the certificate of {host} was issued by {seen.issuer}, whom this machine does not trust "
            f"({error.verify_message}): if that is your own authority or your company's proxy, "
            "name its file in ca_file"
        )
    return SfccError(Reason.NETWORK, text)


def _issuer(certificate: bytes) -> tuple[str, bool]:
    """Its common name, else all of its name; and whether that is the server itself."""
    try:
        found = x509.load_der_x509_certificate(certificate)
    except ValueError:
        return "an unknown issuer", False
    names = found.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    names = names or found.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    name = str(names[0].value) if names else found.issuer.rfc4514_string()
    return f'"{"".join(char for char in name if char.isprintable())[:100]}"', found.issuer == found.subject
