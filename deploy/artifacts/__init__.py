"""The artifact of a commit: a backend image and a frontend image, each by digest, and the manifest that names both."""

from deploy.artifacts.build import build, load_manifest
from deploy.artifacts.manifest import Manifest
from deploy.artifacts.source import Source, read_source

__all__ = ["Manifest", "Source", "build", "load_manifest", "read_source"]
