"""Servers that offer TLS, and the certificates for them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from unittest import mock

from servers import mariadb
from servers.base import DatabaseServer
from servers.binaries import need_program
from servers.mariadb import MariadbServer
from servers.postgresql import PostgresqlServer

# Python 3.13 asks for all of these.
AUTHORITY = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
SIGNED = "subjectAltName={names}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nbasicConstraints=CA:false\n"
NEW_KEY = ("-newkey", "rsa:2048", "-nodes")


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    certificate, key = folder / "server.crt", folder / "server.key"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    _openssl("req", "-x509", *NEW_KEY, "-days", "2", *names, "-keyout", key, "-out", certificate)
    return certificate, key


def make_authority(folder: Path) -> tuple[Path, Path]:
    """The certificate of an authority, and its key."""
    certificate, key = folder / "ca.crt", folder / "ca.key"
    names = ("-subj", f"/CN=Authority of {folder.name}", *AUTHORITY)
    _openssl("req", "-x509", *NEW_KEY, "-days", "2", *names, "-keyout", key, "-out", certificate)
    return certificate, key


def make_signed(folder: Path, authority: tuple[Path, Path], names: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """A certificate for these names that an authority vouches for, and its key."""
    certificate, key, request = folder / "server.crt", folder / "server.key", folder / "server.csr"
    extensions = folder / "extensions"
    extensions.write_text(SIGNED.format(names=names), encoding="ascii")
    _openssl("req", "-new", *NEW_KEY, "-subj", "/CN=server", "-keyout", key, "-out", request)
    signer = ("-CA", authority[0], "-CAkey", authority[1], "-CAcreateserial", "-days", "2", "-extfile", extensions)
    _openssl("x509", "-req", "-in", request, *signer, "-out", certificate)
    return certificate, key


def start(kind: type[DatabaseServer], certificate: Path, key: Path) -> DatabaseServer:
    """A private server that offers TLS and does not demand it."""
    return {PostgresqlServer: _postgresql, MariadbServer: _mariadb}[kind](certificate, key)


def _postgresql(certificate: Path, key: Path) -> DatabaseServer:
    server = PostgresqlServer.start()
    for name, file in (("ssl_cert_file", certificate), ("ssl_key_file", key)):
        server.admin(f"ALTER SYSTEM SET {name} = '{server.process.write(file.name, file.read_text(encoding='ascii'))}'")
    server.admin("ALTER SYSTEM SET ssl = on")
    server.restart()
    return server


def _mariadb(certificate: Path, key: Path) -> DatabaseServer:
    class WithCertificate(mariadb.ServerProcess):
        def start_on_free_port(self, command, ready):  # type: ignore[no-untyped-def]
            files = [
                f"--ssl-{name}={self.write(file.name, file.read_text(encoding='ascii'))}"
                for name, file in (("cert", certificate), ("key", key))
            ]
            super().start_on_free_port(lambda port: [*command(port), *files], ready)

    with mock.patch.object(mariadb, "ServerProcess", WithCertificate):
        return MariadbServer.start()


def _openssl(*arguments: str | Path) -> None:
    command = [need_program("openssl", "openssl"), *arguments]
    subprocess.run(command, check=True, capture_output=True)
