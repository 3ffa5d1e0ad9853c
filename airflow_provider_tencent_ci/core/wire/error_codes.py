"""
The service's error codes: for each one the class of the error, and what the user can do.

The table joins the pages of CI and of COS, whose front end answers, too. The same condition has different names on the
two (docs/service.md, 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QueueSaturatedError,
    ServiceUnavailableError,
    ThrottledError,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    The meaning of a code.

    :param error: the class to raise.
    :param advice: what the user can do.
    :param is_about_key: whether the user has to check the key, wherever it comes from: the configuration has that
        advice (:attr:`.ServiceConfig.key_advice`).
    """

    error: type[ApiError]
    advice: str = ""
    is_about_key: bool = False


# For a key pair of the connection.
CHECK_KEY_ADVICE = "Check SecretId and SecretKey of the connection (login and password)."
CHECK_CLOCK = "The signature's time was not accepted: check the clock of this machine (NTP)."
CHECK_BUCKET = "Check bucket (name-appid) and region of the connection or the task."
_CHECK_ARGUMENTS = "Check the arguments of the task against the message."
_CHECK_ENDPOINT = "Check endpoint_url of the connection."
_CHECK_PROXY = "The request did not arrive as it was sent: check endpoint_url and the proxy on the way."
# For an answer of the proxy itself, such as 407.
PROXY_REFUSAL_ADVICE = (
    "Check user, password and rules of the proxy (proxy in the connection's extra, or https_proxy and no_proxy of this "
    "process)."
)
CHECK_INTERMEDIARY = (
    "Check endpoint_url, the proxy (proxy in the connection's extra, or https_proxy and no_proxy of this process), and "
    "whether the network wants a login."
)
_ASK_LATER = "The request was refused for now; try again later."
GRANT_ACTION = (
    "Grant the key's user the CAM action that the message names, on this bucket (see the permissions in the "
    "documentation), or use a key that has it."
)

CODES: Mapping[str, Meaning] = MappingProxyType(
    {
        "AccessDenied": Meaning(PermissionDeniedError, GRANT_ACTION),
        "ActiveWorkflowForbiddenUpdate": Meaning(
            InvalidRequestError, "An active workflow cannot be changed: pause it in the CI console first."
        ),
        "CIRoleNotExist": Meaning(
            InvalidRequestError, "Authorise CI to use the bucket: create the service role CI_QCSRole in the console."
        ),
        "EntityTooLarge": Meaning(InvalidRequestError, _CHECK_ARGUMENTS),
        "ExpiredToken": Meaning(AuthenticationError, "The temporary key has expired: get a new one."),
        "InternalError": Meaning(ServiceUnavailableError),
        "InvalidAccessKeyId": Meaning(AuthenticationError, is_about_key=True),
        "InvalidArgument": Meaning(InvalidRequestError, _CHECK_ARGUMENTS),
        "InvalidAuthorization": Meaning(AuthenticationError, is_about_key=True),
        "InvalidBucketName": Meaning(InvalidRequestError, CHECK_BUCKET),
        "InvalidContent": Meaning(InvalidRequestError, _CHECK_ARGUMENTS),
        "InvalidHost": Meaning(InvalidRequestError, CHECK_BUCKET),
        "InvalidRegionName": Meaning(InvalidRequestError, CHECK_BUCKET),
        "InvalidURI": Meaning(InvalidRequestError, _CHECK_ENDPOINT),
        "InvalidUrl": Meaning(NotFoundError, _CHECK_ENDPOINT),
        "KmsFreqControl": Meaning(ThrottledError, _ASK_LATER),
        "MalformedXML": Meaning(InvalidRequestError, _CHECK_PROXY),
        "MediaBucketAlreadyBinded": Meaning(InvalidRequestError, "The bucket is bound to Cloud Infinite already."),
        "MediaBucketUnBinded": Meaning(
            InvalidRequestError, "Bind the bucket to Cloud Infinite in the console, and enable media processing."
        ),
        "MissingAuthorization": Meaning(AuthenticationError, is_about_key=True),
        "MissingContent": Meaning(InvalidRequestError, _CHECK_PROXY),
        "MissingContentLength": Meaning(InvalidRequestError, _CHECK_PROXY),
        "NoSuchBucket": Meaning(NotFoundError, CHECK_BUCKET),
        "NotImplemented": Meaning(InvalidRequestError, _CHECK_ENDPOINT),
        "PaymentRequired": Meaning(InvalidRequestError, "The account is in arrears: settle it in the console."),
        "PicBucketUnBinded": Meaning(
            InvalidRequestError, "Bind the bucket to Cloud Infinite in the console, and enable image processing."
        ),
        "QueuePaused": Meaning(InvalidRequestError, "The queue is paused: resume it in the CI console."),
        "QueueSaturated": Meaning(QueueSaturatedError, "The queue is full; try again in some minutes."),
        "RequestTimeTooSkewed": Meaning(AuthenticationError, CHECK_CLOCK),
        "RequestTimeout": Meaning(ServiceUnavailableError),
        "ResourceAccessDenied": Meaning(
            InvalidRequestError,
            "CI may not read the input object: check its permissions and those of the service role CI_QCSRole.",
        ),
        "ResourceDownloadFailed": Meaning(
            InvalidRequestError, "CI could not read the input object: check that it exists and is not archived."
        ),
        "ResourceNotFound": Meaning(
            InvalidRequestError, "The workflow, template, queue or input object does not exist in this bucket."
        ),
        "ResourceNotSupported": Meaning(InvalidRequestError, "CI cannot process the input object: check its format."),
        "SecretidNotExist": Meaning(AuthenticationError, is_about_key=True),
        "ServiceUnavailable": Meaning(ServiceUnavailableError),
        "SignatureDoesNotMatch": Meaning(AuthenticationError, is_about_key=True),
        "SignatureExpired": Meaning(AuthenticationError, CHECK_CLOCK),
        "SlowDown": Meaning(ThrottledError, _ASK_LATER),
        "UnavailableForLegalReasons": Meaning(
            InvalidRequestError, "The account is in arrears or blocked: see the console."
        ),
        "WorkflowExecutionNotFound": Meaning(NotFoundError, "Check the id of the execution, bucket and region."),
    }
)

MEANING_BY_STATUS: Mapping[int, Meaning] = MappingProxyType(
    {
        401: Meaning(AuthenticationError, is_about_key=True),
        403: Meaning(PermissionDeniedError, "The key may not do this on this bucket."),
        404: Meaning(NotFoundError, CHECK_BUCKET),
        429: Meaning(ThrottledError, _ASK_LATER),
        501: Meaning(InvalidRequestError),
    }
)
