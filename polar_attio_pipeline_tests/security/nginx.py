"""The example of docs/security.md in a real nginx, on loopback."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polar_attio_pipeline_tests.browser.stack import free_port, process, until
from polar_attio_pipeline_tests.security.certificates import self_signed

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin")
MISSING = "nginx is not installed: the proxy with a login is not tried (Debian: apt install nginx-light)"
USER, PASSWORD = "ada", "correct horse"

PAGE = Path(__file__).parents[2] / "docs" / "security.md"

_AROUND = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Proxy:
    """Where it is, and the certificate to trust."""

    host: str
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://{self.host}"


def example() -> str:
    """The site as the page has it."""
    (found,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


@contextmanager
def proxying(upstream: str, folder: Path) -> Iterator[Proxy]:
    """Run the example with another name, other ports and other files, and nothing else changed."""
    assert NGINX
    folder.mkdir()
    made, host = self_signed(folder), f"127.0.0.1:{free_port()}"
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True).stdout
    (folder / "logins").write_text(f"{USER}:{hashed}")
    site = example()
    for given, here in {
        "listen 443 ssl": f"listen {host} ssl",
        "server_name dagster.example.com": "server_name 127.0.0.1",
        "https://dagster.example.com": f"https://{host}",
        "http://127.0.0.1:3000": upstream,
        "/etc/nginx/dagster.pem": str(made.certificate),
        "/etc/nginx/dagster.key": str(made.key),
        "/etc/nginx/dagster.logins": str(folder / "logins"),
    }.items():
        assert given in site, given
        site = site.replace(given, here)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user=user))
    command = [NGINX, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with process(command, os.environ, folder / "nginx") as running:
        until((folder / "nginx.pid").exists, running)
        yield Proxy(host, made.certificate)
