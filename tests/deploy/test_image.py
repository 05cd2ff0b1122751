"""The image and the compose file, as far as they can be checked without a container engine."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from gateway.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


@pytest.fixture
def health() -> Iterator[http.server.HTTPServer]:
    """A server whose /health answers with its attribute `status`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(self.server.status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _setting_names() -> set[str]:
    return {f"PREFECT_GRAPHQL_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_of_the_image_follows_health(
    health: http.server.HTTPServer, status: int, healthy: bool
) -> None:
    health.status = status
    [command] = re.findall(r"^HEALTHCHECK.*\\\n\s+CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    program, *arguments = json.loads(command)
    assert program == "python"
    environment = os.environ | {"PREFECT_GRAPHQL_PORT": str(health.server_port), "no_proxy": "*"}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)
    assert (done.returncode == 0) is healthy, done.stderr


def test_the_image_sets_only_settings_that_exist_and_is_not_root() -> None:
    used = set(re.findall(r"(PREFECT_GRAPHQL_\w+)=", DOCKERFILE))
    assert used
    assert used <= _setting_names()
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1] not in {"0", "root"}


def test_the_compose_file_keeps_to_the_specification(npm: Callable[..., Path]) -> None:
    linter = npm("dclint@3.1.0") / ".bin" / "dclint"
    done = subprocess.run(
        [linter, DEPLOY / "compose.yaml", "--max-warnings=0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_linter_finds_a_wrong_key(npm: Callable[..., Path], tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text((DEPLOY / "compose.yaml").read_text().replace("depends_on", "depends_upon"))
    linter = npm("dclint@3.1.0") / ".bin" / "dclint"
    assert subprocess.run([linter, broken], capture_output=True, check=False).returncode != 0


def test_the_compose_services_wait_for_healthy_ones_and_listen_on_loopback() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert set(services) == {"gateway", "prefect", "postgres"}
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        for name, awaited in service.get("depends_on", {}).items():
            assert awaited == {"condition": "service_healthy"}
            assert "healthcheck" in services[name]


def test_the_gateway_service_sets_only_settings_that_exist() -> None:
    gateway = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["gateway"]
    assert set(gateway["environment"]) <= _setting_names()


def test_the_environment_example_names_every_variable_of_the_compose_file() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert asked == offered
