"""Writes the committed dashboards anew: `make dashboards`."""

from pathlib import Path

from grafana import render

(Path(__file__).parent / "dashboards" / "overview.json").write_text(render(), encoding="utf-8")
