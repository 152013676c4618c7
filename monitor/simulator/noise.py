"""The system jobs of an instance, some of which run every minute and bury everything else."""

from collections.abc import Sequence
from hashlib import blake2b

SYSTEM_JOBS = (
    "sfcc-inventory-pending_reservations-handle-orphaned",
    "sfcc-export-dw-analytics-site-config",
    "sfcc-search-index-incremental",
    "sfcc-order-export-queue-sweep",
    "sfcc-customer-list-cleanup",
    "sfcc-basket-expiry",
    "sfcc-session-sweep",
    "sfcc-coupon-redemption-sync",
    "sfcc-price-cache-refresh",
    "sfcc-content-publish-check",
    "sfcc-active-data-collect",
    "sfcc-gift-certificate-sweep",
    "sfcc-slot-config-activate",
    "sfcc-promotion-activate",
    "sfcc-log-file-sweep",
    "sfcc-quota-report",
    "sfcc-webdav-cleanup",
    "sfcc-sorting-rule-refresh",
    "sfcc-source-code-activate",
    "sfcc-ab-test-collect",
)


def noise_jobs(jobs: int | Sequence[str]) -> tuple[str, ...]:
    """Names given, or that many made up; the prefix is one that customers cannot use."""
    if not isinstance(jobs, int):
        return tuple(jobs)
    more = (f"sfcc-maintenance-{number}" for number in range(len(SYSTEM_JOBS), jobs))
    return (*SYSTEM_JOBS[:jobs], *more)


def noise_length(seed: int, job_id: str, at: int) -> int:
    """Milliseconds; below a second, as the history's page shows them: 0:00:00."""
    return 20 + blake2b(f"{seed}|{job_id}|{at}".encode(), digest_size=1).digest()[0] * 3
