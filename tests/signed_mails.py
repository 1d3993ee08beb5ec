"""Mails that are signed or encrypted by S/MIME, made with the library cryptography, and BER as OpenSSL streams it."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

_PKCS7 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
_END = b"\0\0"

INNER = (
    b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b"--m\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b'<p>The card is lost, \xc3\xa9t\xc3\xa9.</p><img src="cid:photo">\r\n'
    b"--m\r\nContent-Type: image/png; name=photo.png\r\nContent-ID: <photo>\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
    b"iVBORw0KGgo=\r\n"
    b"--m\r\nContent-Type: text/csv; name=cards.csv\r\nContent-Disposition: attachment;\r\n"
    b" filename*=utf-8''K%C3%A4rten.csv\r\n\r\n1;2\r\n--m--\r\n"
)


@cache
def _make_signer(*, rsa_key: bool) -> tuple[x509.Certificate, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]:
    key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lee Gu")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()), key


def sign(content: bytes = INNER) -> bytes:
    """Return a signed structure that contains the content, in DER."""
    certificate, key = _make_signer(rsa_key=False)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def stream_signed(content: bytes = INNER, piece: int = 50) -> bytes:
    """Return a signed structure in BER: every length unknown, the content in pieces, as OpenSSL and Outlook write."""
    pieces = [content[start : start + piece] for start in range(0, len(content), piece)]
    octets = b"".join(b"\x04\x84" + len(one).to_bytes(4) + one for one in pieces)
    inner = b"\x30\x80" + _PKCS7 + b"\x01\xa0\x80\x24\x80" + octets + _END * 3
    algorithms = b"\x31\x80\x30\x80" + _PKCS7 + b"\x01" + _END * 2
    return b"\x30\x80" + _PKCS7 + b"\x02\xa0\x80\x30\x80\x02\x01\x01" + algorithms + inner + b"\x31\0" + _END * 3


def encrypt(content: bytes = INNER) -> bytes:
    """Return an encrypted structure."""
    certificate, _ = _make_signer(rsa_key=True)
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def write_opaque(data: bytes, kind: str = "signed-data", media_type: str = "application/pkcs7-mime") -> bytes:
    """Return a mail that is one such structure."""
    head = (
        "From: Lee Gu <lee.gu@contoso.com>\r\nTo: support@contoso.com\r\nCc: Adele <adele.vance@contoso.com>\r\n"
        "Subject: Lost card\r\nMessage-ID: <sealed@field.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: {media_type}; smime-type={kind}; name=smime.p7m\r\n"
        "Content-Disposition: attachment; filename=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(data)


def write_clear(content: bytes = INNER) -> bytes:
    """Return a mail that is signed and readable."""
    head = (
        "From: Lee Gu <lee.gu@contoso.com>\r\nTo: support@contoso.com\r\nSubject: Lost card\r\n"
        "Message-ID: <sealed@field.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="s"\r\n\r\n'
        "This is an S/MIME signed message\r\n--s\r\n"
    )
    tail = (
        "\r\n--s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment; filename=smime.p7s\r\n\r\nQUJD\r\n--s--\r\n"
    )
    return head.encode() + content + tail.encode()
