"""The examples are what the kind accepts, hang together, and ask for nothing that a restricted namespace refuses."""

from __future__ import annotations

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import yaml
from e2e.images import servers

from listings_operator.crd import spec_schema
from listings_operator.names import API_VERSION, KIND
from listings_operator.spec import read_spec

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples"
FILES = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


def documents(file, kind=""):
    found = yaml.safe_load_all((EXAMPLES / file).read_text())
    return [document for document in found if kind in ("", document["kind"])]


def by_name(file, kind):
    return {document["metadata"]["name"]: document for document in documents(file, kind)}


def closed(schema):
    """The structural schema as JSON Schema: Kubernetes drops unknown fields, or refuses them when told to be strict."""
    if isinstance(schema, dict):
        found = {key: closed(part) for key, part in schema.items()}
        if "properties" in schema and "type" in schema:
            found["additionalProperties"] = False
        return found
    return [closed(part) for part in schema] if isinstance(schema, list) else schema


def test_there_is_one_to_look_at_and_one_to_begin_with():
    assert FILES == ["minimal.yaml", "quickstart.yaml"]


@pytest.mark.parametrize("file", FILES)
def test_the_resource_fits_the_schema_of_its_kind(file):
    [resource] = documents(file, KIND)
    assert resource["apiVersion"] == API_VERSION
    jsonschema_rs.validator_for(closed(spec_schema())).validate(resource["spec"])
    read_spec(resource["spec"])


@pytest.mark.parametrize("file", FILES)
def test_the_image_is_of_this_version_under_the_name_that_readme_gives_it(file):
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    [resource] = documents(file, KIND)
    assert read_spec(resource["spec"]).image_reference == f"listings:{version}"


def test_quickstart_brings_every_secret_that_it_names_and_they_lead_to_its_servers():
    secrets = {name: secret["stringData"] for name, secret in by_name("quickstart.yaml", "Secret").items()}
    [resource] = documents("quickstart.yaml", KIND)
    spec = read_spec(resource["spec"])
    assert spec.seed == "demo"
    assert spec.redis is not None
    for reference in (spec.database.secret_ref, spec.redis.secret_ref):
        assert set(reference.keys.values()) <= secrets[reference.name].keys()
    services = by_name("quickstart.yaml", "Service")
    assert secrets["quickstart-database"]["host"] in services
    address = urlsplit(secrets["quickstart-redis"]["url"])
    assert address.hostname in services
    assert address.password == secrets["quickstart-redis"]["password"]
    for password in (secrets[name]["password"] for name in secrets):
        assert password.startswith("demo-only"), "nobody should take it for a secret"


def test_quickstart_s_servers_find_their_keys_and_their_services():
    secrets = by_name("quickstart.yaml", "Secret")
    deployments = by_name("quickstart.yaml", "Deployment")
    images = set()
    for name, service in by_name("quickstart.yaml", "Service").items():
        template = deployments[name]["spec"]["template"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        assert deployments[name]["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
        [container] = template["spec"]["containers"]
        images.add(container["image"])
        assert {port["name"] for port in container["ports"]} == {
            port["targetPort"] for port in service["spec"]["ports"]
        }
        for variable in container["env"]:
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                assert reference["key"] in secrets[reference["name"]]["stringData"]
    assert images == {servers.POSTGRES, servers.REDIS}, "the ones that e2e tests can make"


def test_quickstart_s_servers_write_to_volumes_alone_and_know_no_account():
    for deployment in documents("quickstart.yaml", "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        [container] = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            volume["name"] for volume in pod["volumes"]
        }
