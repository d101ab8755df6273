"""Certificates, made by the openssl command: authorities, and what they sign."""

import subprocess
from pathlib import Path


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name="authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._openssl(
            *("req", "-x509", "-days", "30", "-nodes", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
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
        extensions.write_text(f"subjectAltName={','.join(alternatives)}\n" if alternatives else "basicConstraints=CA:FALSE\n")
        command = ["x509", "-req", "-in", request, "-out", certificate, "-extfile", extensions, "-days", str(days)]
        self._openssl(*command, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial")
        return certificate, key

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)
