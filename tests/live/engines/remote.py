"""An engine reached from afar: over TCP with certificates of one's own, and over ssh with a server of one's own."""

from __future__ import annotations

import contextlib
import datetime
import getpass
import ipaddress
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.live.engines.machine import Impossible, ended, free_port, install, short_folder, started, until

NEEDS_SSH = (("/usr/sbin/sshd", "openssh-server"), ("ssh", "openssh-client"), ("docker", "docker.io"))


def make_certificates(folder: Path) -> None:
    """ca.pem, and for both ends cert.pem and key.pem, server-cert.pem and server-key.pem."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
    _write(folder / "ca.pem", _signed(name, authority.public_key(), name, authority, is_authority=True))
    for prefix in ("", "server-"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{prefix}test")])
        _write(folder / f"{prefix}cert.pem", _signed(subject, key.public_key(), name, authority, is_authority=False))
        private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / f"{prefix}key.pem").write_bytes(key.private_bytes(*private))


def _signed(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1)).add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    return builder.sign(by, hashes.SHA256())


def _write(place: Path, certificate: x509.Certificate) -> None:
    place.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


@dataclass(frozen=True)
class SshServer:
    url: str
    folder: Path

    @property
    def program(self) -> Path:
        """A directory with an `ssh` that knows this server's keys: what a user's own configuration would say."""
        return self.folder / "bin"


@contextlib.contextmanager
def ssh_server(engine: str) -> Iterator[SshServer]:
    """Whoever comes in finds the engine of that URL as its own."""
    install(NEEDS_SSH)
    with short_folder("bursar-sshd") as folder:
        for name in ("host", "user"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
        (folder / "authorized").write_text((folder / "user.pub").read_text())
        port = free_port()
        (folder / "config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
            f"StrictModes no\nPidFile none\nUsePAM no\nPasswordAuthentication no\nSetEnv DOCKER_HOST={engine}\n"
            "PermitRootLogin prohibit-password\n"
        )
        (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
        program = folder / "bin" / "ssh"
        program.parent.mkdir()
        options = f"-F none -i {folder}/user -o UserKnownHostsFile={folder}/known -o BatchMode=yes"
        program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh {options} "$@"\n')
        program.chmod(0o755)
        Path("/run/sshd").mkdir(exist_ok=True)
        process = started(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")], folder / "sshd.log", {})
        try:
            until(lambda: process.poll() is not None or _listens(port), "sshd")
            if process.poll() is not None:
                raise Impossible(f"it does not start here: {(folder / 'sshd.log').read_text().strip()[-300:]}")
            yield SshServer(f"ssh://{getpass.getuser()}@127.0.0.1:{port}", folder)
        finally:
            ended(process)


def _listens(port: int) -> bool:
    return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()
