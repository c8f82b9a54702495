"""Certificates for tests: an authority, a server of 127.0.0.1 and localhost, a client."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS_VALID = 30
CLIENT_NAME = "test-client"
NAMES = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


class Certificates(NamedTuple):
    """PEM files; `server` and `client` hold the key (PKCS#8) and then the certificate."""

    authority: Path
    server: Path
    server_key: Path
    server_certificate: Path
    client: Path


class _Pair(NamedTuple):
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def make_certificates(folder: Path) -> Certificates:
    """Write new ones into `folder`; a few milliseconds."""
    authority = _issue("test-authority", None, None)
    server = _issue("127.0.0.1", authority, ExtendedKeyUsageOID.SERVER_AUTH)
    client = _issue(CLIENT_NAME, authority, ExtendedKeyUsageOID.CLIENT_AUTH)
    found = Certificates(*(folder / f"{name}.pem" for name in Certificates._fields))
    found.authority.write_bytes(_pem(authority.certificate))
    found.server_key.write_bytes(_key(server))
    found.server_certificate.write_bytes(_pem(server.certificate))
    for file, pair in ((found.server, server), (found.client, client)):
        file.write_bytes(_key(pair) + _pem(pair.certificate))
    return found


def _issue(name: str, issuer: _Pair | None, use: x509.ObjectIdentifier | None) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS_VALID))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if issuer is None:
        builder = builder.add_extension(_signs(), critical=True)
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if use == ExtendedKeyUsageOID.SERVER_AUTH:
        builder = builder.add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
    return _Pair(key, builder.sign(signer, hashes.SHA256()))


def _signs() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _key(pair: _Pair) -> bytes:
    return pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
