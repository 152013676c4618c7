"""Settings: what users write, checked, and handed on as plain data."""

from monitor.settings.load import Loaded, load
from monitor.settings.model import InstanceSettings, Settings, TargetSettings

__all__ = ["InstanceSettings", "Loaded", "Settings", "TargetSettings", "load"]
