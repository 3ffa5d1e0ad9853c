"""Questions 7, 8, 9, 15 and 23: the content, the delay and the end of lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element

from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.core.submitting.submit_attempt import RECONCILE_TIMEOUT_SECONDS
from airflow_provider_tencent_ci.core.wire.messages import COS, Request
from airflow_provider_tencent_ci.core.wire.service_errors import classify
from airflow_provider_tencent_ci.core.wire.xml import read_xml, text_of
from airflow_provider_tencent_ci.emulator.contract.facts import Answer
from airflow_provider_tencent_ci.exceptions import TencentCIError
from tests.live.check import Check
from tests.live.findings import Finding, Question, as_assumed, brief, differs, not_asked, noted, unclear
from tests.live.orders import CONTROL, MAIN, MISSING, NODE, NOTHING, SAME_NAME

_JOBS = "/inventorytriggerjob"
_FORMS = {"replaced": "\ufffd", "reference": "&#(0*3|x0*3);", "bare": "\x03"}
_LOOK_SECONDS = 0.5
_RARE_LOOK_SECONDS = 5.0
_OFTEN_FOR_SECONDS = 60.0
# A submission without an answer is sent once more after the first of the two: a later list costs a second job.
_LONGEST_LAG_SECONDS = RECONCILE_TIMEOUT_SECONDS + 20.0
_PAGE_SIZE = 2
_ENDS = {
    "": "never ends: tokens repeat, or there are too many pages",
    "absent": "ends without a NextToken",
    "empty": "ends with an empty NextToken",
    "extra_page": "ends with a page without jobs",
}
_MOST_PAGES = 50


def ask_lag(check: Check) -> Iterator[Finding]:
    job_id, name = (submission := check.submit(MAIN)).job_id, submission.name
    if not job_id:
        yield unclear(f"The job was not accepted: {submission.end}")
        return
    ways: dict[str, Callable[[], bool]] = {
        "the job itself (GET …/<jobId>)": lambda: job_id in _ids(check, Request("GET", f"{_JOBS}/{job_id}")),
        "the list with jobId": lambda: job_id in _ids(check, build_list(JobFilter(job_id=job_id))),
        "the list with name": lambda: job_id in _ids(check, build_list(JobFilter(name=name))),
    }
    seconds = _seconds_until_shown(check, ways)
    said = "; ".join(f"{way}: {_said_of(found)}" for way, found in seconds.items())
    if None not in seconds.values():
        by_id, _, by_name = (found or 0.0 for found in seconds.values())
        check.list_lag_seconds = by_name
        yield as_assumed(f"Shown after the answer to the submission by {said}.", **_lag(by_id, by_name))
    else:
        yield differs(
            f"Shown after the answer to the submission by {said}.",
            f"core/submitting/submission_search.py: the list is polled for {RECONCILE_TIMEOUT_SECONDS:g} s; no longer",
        )


def _lag(by_id: float, by_name: float) -> dict[str, Answer]:
    """Return the lag of the list, and whether a job can be read before; a list without a lag does not say that."""
    lag: dict[str, Answer] = {"list_lag_seconds": round(by_name, 1)}
    if by_name and by_id in (0.0, by_name):
        lag["job_by_id"] = "with_list" if by_id else "at_once"
    return lag


def _said_of(seconds: float | None) -> str:
    return f"not within {_LONGEST_LAG_SECONDS:g} s" if seconds is None else f"{seconds:.1f} s"


def ask_name(check: Check) -> Iterator[Finding]:
    if not (job_id := check.submit(MAIN).job_id):
        yield unclear("There is no job to look for.")
        return
    name = check.submit(MAIN).name
    check.early_token = text_of(_list(check, _listing(check, page_size=1)), "NextToken")
    tries = {"all of it": name, "its beginning": name[:-2], "a part of it": name[2:-2], "in lower case": name.lower()}
    shown = {form: job_id in _ids(check, build_list(JobFilter(name=text))) for form, text in tries.items()}
    said = ", ".join(f"{form}: {'found' if found else 'not found'}" for form, found in shown.items())
    kind = _kind_of_filter(shown)
    if not shown["all of it"]:
        yield differs(
            f"Looking for the name ({said}).", "core/api/job_calls.py: the look before a submission relies on name."
        )
    else:
        yield as_assumed(f"The filter is {kind}. Looking for the name ({said}).", name_filter=kind)
    yield from _empty_parameters(check)


def _kind_of_filter(shown: dict[str, bool]) -> str:
    if shown["a part of it"]:
        return "fuzzy"
    return "prefix" if shown["its beginning"] else "exact"


def _empty_parameters(check: Check) -> Iterator[Finding]:
    empty = tuple((name, "") for name in ("name", "jobId", "states", "workflowId", "nextToken", "type"))
    given = _listing(check)
    plain, with_empty = _ids(check, given), _ids(check, Request("GET", _JOBS, (*given.query, *empty)))
    if plain == with_empty:
        yield noted("Empty parameters count as not given.")
    else:
        yield noted(
            "Empty parameters change what is listed.",
            "Nothing in the client, which sends none; emulator/model/list_pages.py takes them as not given.",
        )


def ask_type(check: Check) -> Iterator[Finding]:
    jobs = [check.submit(order) for order in (MAIN, NOTHING)]
    if not check.settings.lacks(NODE.needs):
        jobs.append(check.submit(NODE))
    found = [job for job in jobs if job.job_id]
    _let_the_list_catch_up(check)
    shown = _ids(check, _listing(check))
    hidden = [job.job_id for job in found if job.job_id not in shown]
    kinds = " and ".join(sorted({job.job.type for job in found if job.job}))
    if hidden:
        yield differs(
            f"Without type the list does not show {', '.join(hidden)}.",
            "core/api/job_requests.py: type has to be sent, and looks before a submission need one for each type.",
        )
    else:
        yield as_assumed(f"Without type the list shows jobs of {kinds}.")
    if missing := check.settings.lacks(NODE.needs):
        yield not_asked(f"Whether it shows Type=Job, too: {missing}.")
    if len(found) > 1:
        ids = [job.job_id for job in found[:2]]
        listed = set(ids) & set(_ids(check, build_list(JobFilter(job_id=",".join(ids)))))
        yield noted(
            f"jobId with two ids and a comma shows {len(listed)} of the two jobs.",
            "" if len(listed) < 2 else "core/polling/bulk_poll.py could ask for some jobs at once, not for a page.",
        )


def ask_paging(check: Check) -> Iterator[Finding]:
    for order in (MAIN, NOTHING, MISSING, SAME_NAME):
        check.submit(order)
    made = check.ledger.job_ids
    _let_the_list_catch_up(check)
    if len(made) <= _PAGE_SIZE:
        yield unclear(f"Only {len(made)} jobs were accepted, which is one page.")
        return
    seen: list[str] = []
    token, short, tokens = "", False, set[str]()
    while True:
        page = _list(check, _listing(check, page_size=_PAGE_SIZE, token=token))
        ids = [text_of(detail, "JobId") for detail in page.findall("JobsDetail")]
        seen += ids
        token = text_of(page, "NextToken")
        if not token or token in tokens or len(tokens) == _MOST_PAGES:
            break
        tokens.add(token)
        short = short or 0 < len(ids) < _PAGE_SIZE
    yield _end_of_list(page, ids, repeated=bool(token), lost=made - set(seen), twice=len(seen) - len(set(seen)))
    yield as_assumed("A page in the middle may be short." if short else "No page but the last was short.")
    yield from _old_token(check)


def _let_the_list_catch_up(check: Check) -> None:
    """Wait until the list shows the newest job, if it lags behind as it did for the first job."""
    newest_at = max((submission.sent_at for submission in check.ledger), default=check.service.now())
    left = check.list_lag_seconds - (check.service.now() - newest_at).total_seconds()
    if left > 0:
        check.service.pause(left + _LOOK_SECONDS)


def _end_of_list(page: Element, ids: list[str], *, repeated: bool, lost: set[str], twice: int) -> Finding:
    answer = "" if repeated else _end_of_pages(page, ids)
    end = _ENDS[answer]
    if lost:
        return differs(
            f"The list {end}, and {len(lost)} jobs of this run are on none of its pages.",
            "core/api/paginator.py: following tokens loses jobs.",
        )
    answers = {"end_of_list": answer} if answer else {}
    return as_assumed(f"The list {end}; each job of this run was on a page, {twice} came twice.", **answers)


def _end_of_pages(page: Element, ids: list[str]) -> str:
    if not ids:
        return "extra_page"
    return "absent" if page.find("NextToken") is None else "empty"


def _old_token(check: Check) -> Iterator[Finding]:
    if not check.early_token:
        return
    response = check.service.answer(_listing(check, page_size=1, token=check.early_token))
    failure = classify(response)
    yield noted(f"A token from earlier in this run: {brief(failure, 'still leads on')}.")


def ask_control_characters(check: Check) -> Iterator[Finding]:
    if missing := check.settings.lacks(CONTROL.needs):
        yield not_asked(f"An object with a control character in its key: {missing}.")
        return
    key = check.ledger.scope.control_key
    if (status := check.service.answer(Request("HEAD", f"/{key}", service=COS)).status) != 404:
        yield not_asked(f"HTTP {status} for the object that would be written; 404 is needed.")
        return
    check.service.run(put_object(key, b"-"))
    if (job := check.wait(CONTROL)) is None:
        yield unclear(f"The job did not end: {check.submit(CONTROL).end}")
        return
    yield _control_character(check, job.job_id)


def _control_character(check: Check, job_id: str) -> Finding:
    """Look at the bytes of a list, before anything reads them."""
    query = (("workflowId", check.settings.workflow_id), ("jobId", job_id))
    body = check.service.answer(Request("GET", "/workflowexecution", query)).body.decode(errors="replace")
    written = re.search(r"<Object>[^<]*?film(.{0,12}?)\.mp4</Object>", body, re.S)
    if written is None:
        return unclear("The list does not have the object.", "Nothing in the client, which reads all forms.")
    said = f"The list has {written[1]!r} for the character U+0003 of a key."
    for form, pattern in _FORMS.items():
        if re.fullmatch(pattern, written[1]):
            return as_assumed(said, control_characters=form)
    return differs(said, "core/wire/xml.py does not know this form.")


def _listing(check: Check, page_size: int = 100, token: str = "") -> Request:
    """All jobs since the beginning of this run, oldest first."""
    criteria = JobFilter(start_creation_time=check.ledger.earliest_at, order_by_time="Asc", page_size=page_size)
    return build_list(criteria, token)


def _list(check: Check, request: Request) -> Element:
    response = check.service.answer(request)
    if failure := classify(response):
        raise failure
    return read_xml(response.body, "Response")


def _ids(check: Check, request: Request) -> list[str]:
    return [text_of(detail, "JobId") for detail in _list(check, request).findall("JobsDetail")]


def _seconds_until_shown(check: Check, ways: dict[str, Callable[[], bool]]) -> dict[str, float | None]:
    """Return when each way first showed it: the time at which that round of looks began."""
    began_at, seconds = check.service.now(), dict[str, float | None]()
    while True:
        spent = (check.service.now() - began_at).total_seconds()
        for way, shows in ways.items():
            if way not in seconds and _shows(shows):
                seconds[way] = spent
        if len(seconds) == len(ways) or spent > _LONGEST_LAG_SECONDS:
            return {way: seconds.get(way) for way in ways}
        check.service.pause(_LOOK_SECONDS if spent < _OFTEN_FOR_SECONDS else _RARE_LOOK_SECONDS)


def _shows(shows: Callable[[], bool]) -> bool:
    try:
        return shows()
    except TencentCIError:  # a job that is not known yet may be an error, too
        return False


QUESTIONS = (
    Question(
        15,
        "How soon after the submission do the job and the list show it?",
        "A retry looks for an earlier try's job for 20 seconds before it submits (core/api/job_calls.py).",
        ask_lag,
        (MAIN,),
    ),
    Question(
        8,
        "Is the name filter exact, by prefix or fuzzy? Does case matter? What do empty parameters mean?",
        "The look before each submission (core/api/job_calls.py); names are compared again on our side.",
        ask_name,
        (MAIN,),
    ),
    Question(
        9,
        "What is listed without type? May jobId be a list?",
        "Looks by name and id send no type (core/api/job_calls.py, core/polling/bulk_poll.py).",
        ask_type,
        (MAIN, NOTHING, NODE),
    ),
    Question(
        7,
        "How does a list end? Are there short pages? How long does a token live?",
        "core/api/paginator.py follows tokens to an end that is not documented.",
        ask_paging,
        (MAIN, NOTHING, MISSING, SAME_NAME),
    ),
    Question(
        23,
        "How does a list write a character of a key that XML forbids?",
        "core/wire/xml.py reads all forms; with U+FFFD the file is not known.",
        ask_control_characters,
        (CONTROL,),
    ),
)
