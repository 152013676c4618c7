"""Who is trusted: an authority for the simulator's own certificates, and another for those of its clients.

Two of them, because a client that took the one for the other would not be noticed otherwise.
"""

import ssl
from enum import StrEnum

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)


class Door(StrEnum):
    HTTP = "http"
    HTTPS = "https"
    MTLS = "mtls"


class Authorities:
    def __init__(self) -> None:
        self.servers = trustme.CA()
        self.clients = trustme.CA()

    def context(self, door: Door, host: str) -> ssl.SSLContext | None:
        if door is Door.HTTP:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.servers.issue_cert(host, "localhost").configure_cert(context)
        if door is Door.MTLS:
            context.verify_mode = ssl.CERT_REQUIRED
            self.clients.configure_trust(context)
        return context

    def client_certificate(self, passphrase: str, name: str) -> bytes:
        """PKCS#12, as Business Manager users get it for secure code uploads."""
        issued = self.clients.issue_cert(name)
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise TypeError(f"a client's key is RSA or EC, not {type(key).__name__}")
        chain = [x509.load_pem_x509_certificate(blob.bytes()) for blob in issued.cert_chain_pems]
        authority = x509.load_pem_x509_certificate(self.clients.cert_pem.bytes())
        sealed = BestAvailableEncryption(passphrase.encode())
        return pkcs12.serialize_key_and_certificates(
            name.encode(), key, chain[0], [*chain[1:], authority], sealed
        )
