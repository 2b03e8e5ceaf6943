"""Joins the verbs of `deploy/cli`, a file a group. `./dev invoke --list`."""

from invoke.collection import Collection

from deploy.cli import build, controls, recovery, rehearse, release, setup, show, workstation
from deploy.cli.bench import BENCH
from deploy.cli.secrets import SECRETS

GROUPS = (build, setup, rehearse, release, recovery, show, controls, workstation)
namespace = Collection(*(verb for group in GROUPS for verb in group.VERBS), SECRETS, BENCH)
