"""An SFCC instance in a box: for the demo, for rehearsing alert rules, and for tests.

    world = SCENARIOS["akeneo-night"](ScaledClock(demo_origin(now), speed=60))
    with Simulator(world) as simulator:
        ...  # an agent with server = simulator.url

It imports nothing else of this project, above all not the client: a fake that shares the codec it is there
to test proves nothing.
"""

from monitor.simulator.account_manager import AccountManager
from monitor.simulator.caller import Caller, ScapiCaller
from monitor.simulator.clock import Clock, ManualClock, ScaledClock
from monitor.simulator.exchange import Content, Mishap, Request, RequestRecord, Response
from monitor.simulator.execution import Execution
from monitor.simulator.faults import Faults
from monitor.simulator.handler import handle
from monitor.simulator.joblog import BytesContent, GeneratedLog
from monitor.simulator.model import (
    DEMO_ACCESS_KEY,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_ORGANIZATION,
    DEMO_SCOPES,
    DEMO_USER,
    FAILED,
    LOG_ARCHIVES,
    OK,
    JobSpec,
    Outcome,
    Permissions,
    Quirks,
    Retry,
    StepSpec,
)
from monitor.simulator.run import Run
from monitor.simulator.scenarios import SCENARIOS, demo_origin
from monitor.simulator.server import Simulator
from monitor.simulator.world import World

__all__ = [
    "DEMO_ACCESS_KEY",
    "DEMO_CLIENT_ID",
    "DEMO_CLIENT_SECRET",
    "DEMO_ORGANIZATION",
    "DEMO_SCOPES",
    "DEMO_USER",
    "FAILED",
    "LOG_ARCHIVES",
    "OK",
    "SCENARIOS",
    "AccountManager",
    "BytesContent",
    "Caller",
    "Clock",
    "Content",
    "Execution",
    "Faults",
    "GeneratedLog",
    "JobSpec",
    "ManualClock",
    "Mishap",
    "Outcome",
    "Permissions",
    "Quirks",
    "Request",
    "RequestRecord",
    "Response",
    "Retry",
    "Run",
    "ScaledClock",
    "ScapiCaller",
    "Simulator",
    "StepSpec",
    "World",
    "demo_origin",
    "handle",
]
