"""The facts of the contract: what this package assumes of the service, and which other answers there may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["ASSUMED", "FACTS", "Answer", "Fact"]

Answer: TypeAlias = "str | bool | float"


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One fact.

    :param name: the emulator's switch for it.
    :param question: the number of its question (docs/service.md, 11).
    :param section: the section of docs/service.md that states it.
    :param assumed: the answer that this package assumes.
    :param others: other answers; of a number or a text some examples.
    :param seen_only_with: answers of other facts, without which the answers to this one look alike.
    :param says: a sentence for each answer. A sentence for ``...`` is for all others; it has a place for the answer.
    :param evidence: how the assumed answer is known without the live check.
    """

    name: str
    question: int
    section: str
    assumed: Answer
    others: Sequence[Answer]
    says: Mapping[object, str] = field(repr=False)
    evidence: str = field(repr=False, default="assumed")
    seen_only_with: Mapping[str, Answer] = field(default_factory=dict)

    def sentence(self, answer: Answer) -> str:
        """Return an answer as a sentence of docs/service.md."""
        return (self.says.get(answer) or self.says[...]).format(answer)


FACTS: Mapping[str, Fact] = {
    fact.name: fact
    for fact in (
        Fact(
            "plain_http",
            18,
            "1.1",
            assumed="308",
            others=("serve", "301", "302", "307"),
            says={
                "serve": "CI answers requests over HTTP, too",
                ...: "CI redirects HTTP to HTTPS with {}",
            },
            evidence="nearly settled by SDKs: a comment in Node.js `sdk/base.js`, and PHP "
            "`src/CommandToRequestTransformer.php` refuses HTTP. The error says to write `https://` in `endpoint_url`",
        ),
        Fact(
            "cos_token_accepted",
            17,
            "1.3",
            assumed=True,
            others=(False,),
            says={
                True: "The CI host accepts the token in `x-cos-security-token`, too",
                False: "The CI host does not accept the token in `x-cos-security-token`",
            },
            evidence="settled by the documentation: 460/42865 *zh*",
        ),
        Fact(
            "date_header",
            22,
            "1.4",
            assumed="every",
            others=("not_on_errors", "none"),
            says={
                "every": "Each answer has `Date`, also a refusal. It is the only source of the service's time",
                "not_on_errors": "Refusals have no `Date`, all other answers have one",
                "none": "Answers have no `Date`",
            },
            evidence="documented: 1045/43610",
        ),
        Fact(
            "same_name",
            13,
            "2.1",
            assumed="accept",
            others=("refuse",),
            says={
                "accept": "Names need not be unique",
                "refuse": "A job is refused if another one of the bucket has its name",
            },
            evidence="public use: the samples use one name many times. So this package puts a token into the name, and "
            "looks the name up before it submits",
        ),
        Fact(
            "name_limit",
            13,
            "2.1",
            assumed="characters",
            others=("bytes",),
            says={
                "characters": "The limit of 128 counts characters. Names that this package makes also have at most 128 "
                "bytes",
                "bytes": "The limit of 128 counts bytes, as names that this package makes expect",
            },
        ),
        Fact(
            "exactly_one_input",
            1,
            "2.2",
            assumed=True,
            others=(False,),
            says={
                True: "A request has exactly one of the four",
                False: "A request may have several of the four",
            },
            evidence="assumed: each sample has one",
        ),
        Fact(
            "several_workflows",
            2,
            "2.3",
            assumed=True,
            others=(False,),
            says={
                True: "`WorkflowIds` may name several workflows, separated by commas",
                False: "`WorkflowIds` names one workflow; several, separated by commas, are refused",
            },
            evidence="SDK: a comment in Java `demo/ci/BatchJobDemo.java`",
        ),
        Fact(
            "interval_for_all",
            3,
            "2.3",
            assumed=False,
            others=(True,),
            says={
                False: "`TimeInterval` has an effect only together with `Prefix`",
                True: "`TimeInterval` also has an effect together with `Object`",
            },
            evidence="documented on an older English page",
        ),
        Fact(
            "interval_bounds",
            3,
            "2.3",
            assumed="both",
            others=("start", "end", "neither"),
            says={
                "both": "Both times of `TimeInterval` belong to it: an object of exactly that second is processed",
                "start": "`Start` belongs to `TimeInterval`, and `End` does not: an object of exactly the second of "
                "`End` is not processed",
                "end": "`End` belongs to `TimeInterval`, and `Start` does not: an object of exactly the second of "
                "`Start` is not processed",
                "neither": "Neither time of `TimeInterval` belongs to it: an object of exactly that second is not "
                "processed",
            },
            evidence="assumed ([question 3](#11-open-questions))",
        ),
        Fact(
            "unknown_job",
            10,
            "2.6",
            assumed="name",
            others=("refuse",),
            says={
                "name": "For an id that the service does not know, the answer has the status 200 and `NonExistJobIds`",
                "refuse": "For an id that the service does not know, the answer is an error",
            },
            evidence="documented: 1045/47030. Go's field is `NonExistJobId` (SDK: `ci_media.go`)",
        ),
        Fact(
            "job_by_id",
            15,
            "2.6",
            assumed="at_once",
            others=("with_list",),
            says={
                "at_once": "A job can be read by its id at once, also while the list does not show it yet",
                "with_list": "A job can be read by its id as soon as the list shows it, and not earlier",
            },
            evidence="assumed. A live test of the Python SDK reads a job 5 s after its submission (`ut/test.py`)",
            seen_only_with={"list_lag_seconds": 40.0},
        ),
        Fact(
            "list_lag_seconds",
            15,
            "2.7",
            assumed=0.0,
            others=(7.0, 40.0, 310.0),
            says={
                0.0: "The list shows a new job at once",
                ...: "The list shows a new job after {:g} s",
            },
        ),
        Fact(
            "name_filter",
            8,
            "2.7",
            assumed="exact",
            others=("prefix", "fuzzy"),
            says={
                "exact": "`name` matches the whole name. This package compares names itself, too",
                "prefix": "`name` also matches the beginning of a name. This package compares names itself",
                "fuzzy": "`name` also matches a part of a name. This package compares names itself",
            },
        ),
        Fact(
            "end_of_list",
            7,
            "2.7",
            assumed="absent",
            others=("empty", "extra_page"),
            says={
                "absent": "The last page has no `NextToken`",
                "empty": "The last page has an empty `NextToken`",
                "extra_page": "The last page is empty: the one before has a `NextToken`, too",
            },
            evidence="SDK: Java tests",
        ),
        Fact(
            "cancel_of_ended",
            11,
            "2.8",
            assumed="ignore",
            others=("refuse",),
            says={
                "ignore": "A cancel of a job that has ended is accepted and has no effect",
                "refuse": "A cancel of a job that has ended is refused",
            },
            evidence="assumed. A comment in a test of Java expects an error (`BatchJobTest.java`)",
        ),
        Fact(
            "control_characters",
            23,
            "3.1",
            assumed="replaced",
            others=("reference", "bare"),
            says={
                "replaced": "A list has U+FFFD for a character of a key that XML forbids",
                "reference": "A list has a reference such as `&#x3;` for a character of a key that XML forbids",
                "bare": "A list has a character of a key that XML forbids as it is",
            },
            evidence="assumed: Go's XML writer does so",
        ),
        Fact(
            "paused_workflow",
            4,
            "3.6",
            assumed="run",
            others=("refuse",),
            says={
                "run": "A batch may run a paused workflow",
                "refuse": "A batch with a paused workflow is refused",
            },
            evidence="assumed. A live test of the Python SDK runs one on a single object (`ut/test.py`)",
        ),
        Fact(
            "failed_files",
            5,
            "4",
            assumed="success",
            others=("fail",),
            says={
                "success": "A batch with failed files ends as `Success`. This package counts the files",
                "fail": "A batch with failed files ends as `Failed`",
            },
        ),
        Fact(
            "no_objects",
            5,
            "4",
            assumed="success",
            others=("fail",),
            says={
                "success": "A batch without any file ends as `Success`",
                "fail": "A batch without any file ends as `Failed`",
            },
        ),
        Fact(
            "wrong_signature",
            16,
            "5.2",
            assumed="401 InvalidAuthorization",
            others=("401 AccessDenied", "403 AccessDenied", "403 SignatureDoesNotMatch"),
            says={...: "A wrong signature is refused with `{}`"},
            evidence="documented: 436/46214; one report in public use has 401 `AccessDenied` (the line above)",
        ),
    )
}

ASSUMED: Mapping[str, Answer] = {name: fact.assumed for name, fact in FACTS.items()}
