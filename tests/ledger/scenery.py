"""The org, the member and the rate that the ledger's tests tell their stories with."""

from __future__ import annotations

from core.domain.flavors import GPU_HOUR_MS, UCR, RunRate
from core.ledger import accounts, entries
from core.ledger.amounts import Amounts
from core.ledger.meter import HOUR_US, RunLine, open_line
from core.ledger.postings import Posting

ORG = "acme"
ANA = accounts.wallet(ORG, "ana")
BEN = accounts.wallet(ORG, "ben")
TREASURY = accounts.treasury(ORG)
SPENT = accounts.spent(ORG)

HOUR = HOUR_US
MINUTE = HOUR // 60
DAY = 24 * HOUR
T0 = 20_454 * DAY  # a midnight in UTC

ONE_GPU = RunRate(compute_ucr=5_720_000, gpu_milli=1000)  # 1 GPU, 8 CPU, 32 GiB at the default prices


def amounts(cr: float = 0, gpu_hours: float = 0) -> Amounts:
    return Amounts(round(cr * UCR), round(gpu_hours * GPU_HOUR_MS))


def line(run: str = "run-1", deployment: str = "dep-1", start: int = T0, rate: RunRate = ONE_GPU) -> RunLine:
    return open_line(run, deployment, ANA, rate, start)


def funded(cr: float = 100, gpu_hours: float = 10) -> list[Posting]:
    """A treasury that was filled and a member with an allowance."""
    start = entries.start_treasury(ORG, amounts(10_000, 1_000), at=T0 - DAY)
    return [start, entries.allowance(ORG, "ana", amounts(cr, gpu_hours), at=T0 - DAY)]
