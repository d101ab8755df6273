"""Certificates, made by the openssl command: authorities, and what they sign."""

import subprocess
from pathlib import Path

# Of RabbitMQ: users by client certificate.
TLS_PLUGIN = "rabbitmq_auth_mechanism_ssl"


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name="authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._openssl(
            *("req", "-x509", "-days", "30", "-nodes", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(self, name, alternatives=(), days=30, signer=None):
        """A certificate for `name` as common name; `alternatives`: such as `DNS:localhost` or `IP:127.0.0.1`.

        Returns the files of the certificate and of its key."""
        certificate, key, request = (self.folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        self._openssl(
            *("req", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        )
        extensions = self.folder / f"{name}.ext"
        # Python 3.13 and later want to be told whose key has signed it, and that this is what that key is for.
        lines = ["basicConstraints=CA:FALSE", "authorityKeyIdentifier=keyid"]
        lines += [f"subjectAltName={','.join(alternatives)}"] if alternatives else []
        extensions.write_text("".join(f"{line}\n" for line in lines))
        command = ["x509", "-req", "-in", request, "-out", certificate, "-extfile", extensions, "-days", str(days)]
        self._openssl(*command, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial")
        return certificate, key

    def broker_settings(self, certificate, key, port, demands_certificate=False):
        """Lines of rabbitmq.conf for TLS on this port of loopback, with these files; clients may log in by certificates of ours,
        with `TLS_PLUGIN`."""
        return [
            f"listeners.ssl.1 = 127.0.0.1:{port}",
            f"ssl_options.cacertfile = {self.certificate}",
            f"ssl_options.certfile = {certificate}",
            f"ssl_options.keyfile = {key}",
            "ssl_options.verify = verify_peer",
            f"ssl_options.fail_if_no_peer_cert = {'true' if demands_certificate else 'false'}",
            "auth_mechanisms.1 = EXTERNAL",
            "auth_mechanisms.2 = PLAIN",
            "ssl_cert_login_from = common_name",
        ]

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)
