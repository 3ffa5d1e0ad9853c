"""A run: the questions one after another, and at the end, however it comes, no job that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from airflow_provider_tencent_ci.core.api.file_lists import list_executions_page
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, WorkflowExecution
from airflow_provider_tencent_ci.exceptions import TencentCIError
from tests.live.evidence import Exchange
from tests.live.findings import Finding, Question, Verdict, verdict_of
from tests.live.ledger import Ledger, Submission
from tests.live.orders import Order, Scope
from tests.live.service import Service
from tests.live.settings import Settings


@dataclass(slots=True)
class Answered:
    """A question with what was found and what passed over the wire meanwhile."""

    question: Question
    findings: list[Finding] = field(default_factory=list)
    exchanges: Sequence[Exchange] = ()

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.findings)


@dataclass(frozen=True, slots=True)
class Cost:
    """The worst case, to be agreed to before anything is sent."""

    jobs: int
    files: int


class Check:
    """
    What questions work with.

    :param temporary: the service with temporary keys, if there are any.
    """

    def __init__(self, settings: Settings, service: Service, token: str, temporary: Service | None = None) -> None:
        self.settings = settings
        self.service = service
        self.temporary = temporary
        objects = service.config.endpoint.objects or service.config.endpoint
        self.ledger = Ledger(service, Scope(settings, token, f"https://{objects.host}"))
        self.answered: list[Answered] = []
        # A page's token that one question gets and a later one uses.
        self.early_token = ""

    def ask_all(self, questions: Sequence[Question], told: Callable[[Answered], None]) -> None:
        """
        Ask one question after another.

        :param told: is told of each answer.
        """
        self.service.budget.most = cost_of(questions, self.settings).jobs
        _ = self.service.credentials  # known from the start, to be kept out of all that follows
        for question in questions:
            self._ask(question)
            told(self.answered[-1])

    def submit(self, order: Order) -> Submission:
        return self.ledger.submit(order)

    def wait(self, order: Order) -> InventoryJob | None:
        """Submit, and wait for the end; ``None`` if it was refused or did not end in time."""
        return self.ledger.wait(self.submit(order), self.settings.wait_seconds)

    def executions(self, job_id: str, workflow_id: str = "") -> list[WorkflowExecution]:
        """Return what a workflow did in a job: at most a page, and no job of ours has more."""
        page = self.service.run(list_executions_page(workflow_id or self.settings.workflow_id, job_id, None))
        return list(page.items)

    def _ask(self, question: Question) -> None:
        answered = Answered(question)
        self.answered.append(answered)
        before = len(self.service.exchanges)
        try:
            for finding in question.ask(self):
                answered.findings.append(finding)
        except TencentCIError as error:
            answered.findings.append(Finding(Verdict.FAILED, f"Asking went wrong: {type(error).__name__}: {error}"))
        finally:
            answered.exchanges = self.service.exchanges[before:]


def cost_of(questions: Sequence[Question], settings: Settings) -> Cost:
    """Return how many jobs these questions submit at most, and how many files those process at most."""
    orders = {order.key: order for order in orders_of(questions) if not settings.lacks(order.needs)}
    return Cost(len(orders), sum(order.files for order in orders.values()))


def orders_of(questions: Sequence[Question]) -> Iterator[Order]:
    for question in questions:
        yield from question.orders
