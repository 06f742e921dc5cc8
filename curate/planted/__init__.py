"""A generated web with known answers: what the filters are measured against."""

from curate.planted.server import PlantedServer
from curate.planted.web import PlantedWeb, plant

__all__ = ["PlantedServer", "PlantedWeb", "plant"]
