"""The Role of the chart is enough: an operator that has no other right installs, corrects and cleans up."""

from __future__ import annotations

import dataclasses
import json

import pytest
import yaml
from e2e.cluster.binaries import Binaries
from e2e.cluster.kubectl import KubectlError
from e2e.helm import Helm

from listings_operator import uninstall
from listings_operator.settings import Settings

from .conftest import stepping_operator
