"""The night of the demo: imports from Akeneo, one of which fails, is repaired, and leaves a late full clash.

One cause, and what it drags along. At 02:12 the differential master import loses its connection to the PIM;
a person reruns it at 02:22 and it ends well at 02:26. The storefront import that follows at 02:27 has twice
the delta to take in: it needs eleven minutes in place of one or two, and at 02:30 the nightly full import
starts into it. All other nights are clean.
"""

from datetime import datetime, timedelta

from monitor.simulator.clock import Clock
from monitor.simulator.model import JobSpec, Outcome, StepSpec
from monitor.simulator.world import World

ATTRIBUTES = "1-Akeneo-Import-Attributes"
ASSETS = "2-1-Akeneo-Differential-Import-Assets"
MASTER = "3-1-1-Akeneo-Differential-Import-Master"
STOREFRONT = "3-1-2-Akeneo-Differential-Import-Storefront"
FULL_MASTER = "3-2-1-Akeneo-Full-Import-Master"
ENTITIES = "4-Akeneo-Entity-Import"
PRODUCT_FEED = "Export-Product-Feed"
OPERATOR = "j.doe@example.com"

# Not a secret: it is there to be masked.
PLANTED_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJwaW0iOiJzaW11bGF0b3IifQ.c2ltdWxhdG9yLXNpZ25hdHVyZQ"  # noqa: S105 - as said
PLANTED_ADDRESS = "pim.admin@example.com"
_PAGE = "https://pim.example.com/api/rest/v1/products?limit=100&page=37"

FAILURE = Outcome(
    code="ERROR",
    status="error",
    message="Import of products failed: the PIM answered 401 Unauthorized after 3 tries.",
    failed_step="job-workflow-step-import-catalog",
    duration=timedelta(minutes=3, seconds=55),
    trace=(
        f"WARN AkeneoGetGeneral GET {_PAGE} timed out after 30000 ms, try 1 of 3",
        f"WARN AkeneoGetGeneral GET {_PAGE} timed out after 30000 ms, try 2 of 3",
        f"DEBUG AkeneoGetGeneral request header Authorization: Bearer {PLANTED_TOKEN}",
        f"ERROR AkeneoGetGeneral GET {_PAGE} answered 401 Unauthorized, token of {PLANTED_ADDRESS} expired",
        "ERROR DATAERROR [Product 25518820M] attribute 'care_instructions' holds no value for locale de_DE",
        "ERROR DATAERROR [Product 25518821M] unknown category 'outlet-2026'",
        "ERROR Import of products failed after page 36 of 112",
        f"java.io.IOException: Server returned HTTP response code: 401 for URL: {_PAGE}",
        "\tat pim.client.HttpCall.execute(HttpCall.java:212)",
        "\tat pim.client.PagedReader.next(PagedReader.java:88)",
        "\tat jobs.step.ScriptModuleStep.execute(ScriptModuleStep.java:118)",
        "Caused by: java.net.SocketTimeoutException: Read timed out",
        "\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:278)",
        "\t... 14 more",
    ),
)
SLOW = Outcome(duration=timedelta(minutes=10, seconds=50))
REPAIRED = Outcome(duration=timedelta(minutes=3, seconds=50))

_IMPORT = (
    StepSpec("job-workflow-step-prepare", "PrepareImport", 1),
    StepSpec("job-workflow-step-import-catalog", "ImportCatalog", 7, items=11_200),
    StepSpec("job-workflow-step-cleanup", "DeleteFiles", 1),
)
_ATTRIBUTES = (
    StepSpec("job-workflow-step-prepare-attributes-import", "PrepareImport", 1),
    StepSpec("job-workflow-step-attributes-import", "ImportSystemObjectTypes", 3),
)
_FEED = (
    StepSpec("export-catalog", "ExportCatalog", 3, items=48_000),
    StepSpec("upload-feed", "UploadFiles", 1),
)


def akeneo_night(clock: Clock) -> World:
    """A night of Akeneo imports: one fails at 02:12, a full import starts into a late one at 02:30.

    It is the first whose 02:00 UTC has not come yet; five clean days lie before it.
    """
    world = World(clock, seed=7, history=timedelta(days=5))
    for spec in _akeneo_jobs() + _shop_jobs():
        world.add_job(spec)
    world.noise(jobs=2)
    night = _next_two_o_clock(clock.now())
    world.override(MASTER, night + timedelta(minutes=8), FAILURE)
    world.at(night + timedelta(minutes=22), lambda: _rerun(world))
    world.override(STOREFRONT, night + timedelta(minutes=27), SLOW)
    return world


def _rerun(world: World) -> None:
    world.start(MASTER, user_login=OPERATOR, outcome=REPAIRED)


def _next_two_o_clock(now: datetime) -> datetime:
    today = now.replace(hour=2, minute=0, second=0, microsecond=0)
    return today if now <= today else today + timedelta(days=1)


def _akeneo_jobs() -> list[JobSpec]:
    return [
        _nightly(ATTRIBUTES, "0 2 * * *", 2, _ATTRIBUTES, "PIM attributes and their options"),
        _nightly(ASSETS, "4 2 * * *", 2, _IMPORT, "Changed assets"),
        _nightly(MASTER, "8 2 * * *", 4, _IMPORT, "Products changed since the last good import"),
        _nightly(STOREFRONT, "27 2 * * *", 1.5, _IMPORT, "Storefront part of the changed products"),
        _nightly(FULL_MASTER, "30 2 * * *", 45, _IMPORT, "All products"),
        _nightly(ENTITIES, "40 3 * * *", 6, _IMPORT, "Reference entities and their records"),
    ]


def _nightly(job_id: str, cron: str, minutes: float, steps: tuple[StepSpec, ...], about: str) -> JobSpec:
    duration = timedelta(minutes=minutes)
    return JobSpec(job_id, cron=cron, duration=duration, spread=0.06, steps=steps, description=about)


def _shop_jobs() -> list[JobSpec]:
    minutes = timedelta(minutes=1)
    return [
        JobSpec(
            PRODUCT_FEED,
            cron="15 2,8,14,20 * * *",
            duration=4 * minutes,
            steps=_FEED,
            sites=("RefArch", "RefArchGlobal"),
        ),
        JobSpec("Export-Inventory", cron="5,35 * * * *", duration=1.5 * minutes, spread=0.12),
        JobSpec("Export-Orders", every=10 * minutes, duration=0.4 * minutes, spread=0.15),
        JobSpec("Import-Prices", cron="50 * * * *", duration=3 * minutes, spread=0.1, steps=_IMPORT),
        JobSpec("Rebuild-Search-Index", cron="20 */4 * * *", duration=7 * minutes, spread=0.1),
        JobSpec("Customer-List-Export", cron="45 4 * * *", duration=12 * minutes, spread=0.1),
    ]
