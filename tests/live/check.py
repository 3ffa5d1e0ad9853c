"""A run: the questions one after another. After any end of it, no job runs."""

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
    """A question with its findings and its requests and answers."""

    question: Question
    findings: list[Finding] = field(default_factory=list)
    exchanges: Sequence[Exchange] = ()

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.findings)


@dataclass(frozen=True, slots=True)
class Cost:
    """The worst case, which the user agrees to before anything is sent."""

    jobs: int
    files: int


class Check:
    """
    The tools of the questions.

    :param temporary: the service with temporary keys, if given.
    """

    def __init__(self, settings: Settings, service: Service, token: str, temporary: Service | None = None) -> None:
        self.settings = settings
        self.service = service
        self.temporary = temporary
        objects = service.config.endpoint.objects or service.config.endpoint
        self.ledger = Ledger(service, Scope(settings, token, f"https://{objects.host}"))
        self.answered: list[Answered] = []
        # Results of one question that later ones use: a page's token, and how late the list shows a new job.
        self.early_token = ""
        self.list_lag_seconds = 0.0

    def ask_all(self, questions: Sequence[Question], told: Callable[[Answered], None]) -> None:
        """
        Check one question after another.

        :param told: called with each answer.
        """
        self.service.budget.most = cost_of(questions, self.settings).jobs
        _ = self.service.credentials  # known from the start, so that the report masks them
        for question in questions:
            self._ask(question)
            told(self.answered[-1])

    def submit(self, order: Order) -> Submission:
        return self.ledger.submit(order)

    def wait(self, order: Order) -> InventoryJob | None:
        """Submit, and wait for the end; ``None`` if it was refused or did not end in time."""
        return self.ledger.wait(self.submit(order), self.settings.wait_seconds)

    def executions(self, job_id: str, workflow_id: str = "") -> list[WorkflowExecution]:
        """Return the executions of a workflow in a job: one page, since no job of the check has more."""
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
