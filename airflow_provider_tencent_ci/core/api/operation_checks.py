"""
The nodes of ``Operation`` for ``Type=Job``: what the documentation says for certain of them (docs/service.md, 2.4).

Nodes and tags that are not known here pass: the service has more of them than its page lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_tencent_ci.core.wire.texts import text_argument
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

# Of these the page says that they write a file. Others, such as ImageInspect, work without JobParam or Output.
_WITH_OUTPUT = frozenset(
    {
        *("Animation", "Animatin", "SmartCover", "Transcode", "Snapshot", "SpeechRecognition", "Concat"),
        *("VoiceSeparate", "VoiceSpearte", "VideoMontage", "SDRtoHDR", "SDR2HDR", "VideoProcess", "SuperResolution"),
        *("Segment", "PicProcess", "DigitalWatermark", "StreamExtract", "Tts", "NoiseReduction"),
    }
)
_WITHOUT_OBJECT = frozenset({"Snapshot", "VoiceSeparate", "StreamExtract"})

# These make several images if their count is above one.
_SEVERAL_IMAGES = ("Snapshot", "SmartCover")

# The page also requires MqMode, and has a default for it.
_MQ_NODES = ("MqRegion", "MqName")
_CALLBACK_FORMATS = ("JSON", "XML")
_MOST_WATERMARK_CHARACTERS = 64

# As the page prints them, and as the child jobs' API and the SDKs do.
_MISPRINTS = {"Animatin": "Animation", "VoiceSpearte": "VoiceSeparate", "SDR2HDR": "SDRtoHDR"}

# The variables in an output's name that differ from file to file; case does not matter.
_PER_FILE = ("${inputname}", "${inputnameandext}", "${inputpath}", "${runid}")


def check_operation(operation: Mapping[str, Any]) -> None:
    """
    Check what is certain.

    :raises InvalidArgumentError: a node is missing or cannot be so; the message names it.
    """
    tag = text_argument("job: Tag", _required(operation, "job", "Tag", "the kind of job, such as Transcode"))
    if tag in _WITH_OUTPUT:
        _required(operation, "job", "JobParam", "what to do: a TemplateId, or the parameters themselves")
        _check_output(tag, _required(operation, "job", "Output", "where to write"), operation)
    _check_choice(operation, "JobLevel", ("0", "1", "2"))
    _check_choice(operation, "CallBackFormat", (*_CALLBACK_FORMATS, *map(str.lower, _CALLBACK_FORMATS)))
    if operation.get("CallBackType") == "TDMQ":
        config = _required(operation, "job", "CallBackMqConfig", "since CallBackType is TDMQ")
        for name in _MQ_NODES:
            _required(config, "job: CallBackMqConfig", name, "since CallBackType is TDMQ")
    _check_watermark(operation)


def warnings_of(operation: Mapping[str, Any], *, one_object: bool) -> list[str]:
    """
    Return warnings: nodes that are unusual, but may be right.

    :param one_object: whether the job's input is a single object, whose output no other one can overwrite.
    """
    return list(_warnings(operation, one_object=one_object))


def _check_output(tag: str, output: Any, operation: Mapping[str, Any]) -> None:
    for name in ("Region", "Bucket"):
        _required(output, "job: Output", name, "of the bucket that is written to")
    if tag not in _WITHOUT_OBJECT:
        _required(output, "job: Output", "Object", "the name of what is written, such as out/${InputName}.mp4")
    name = str(output.get("Object") or "")
    if name and tag in _SEVERAL_IMAGES and _makes_several(tag, operation) and "${number}" not in name.lower():
        raise InvalidArgumentError(
            f"job: Output: Object={name!r} must contain ${{Number}}: {tag} makes several images of each file."
        )


def _makes_several(tag: str, operation: Mapping[str, Any]) -> bool:
    """Whether that is certain; a template may say so, too."""
    count = str(_mapping(_mapping(operation, "JobParam"), tag).get("Count") or "")
    return count.isdecimal() and count.lstrip("0") not in ("", "1")


def _check_watermark(operation: Mapping[str, Any]) -> None:
    message = str(_mapping(_mapping(operation, "JobParam"), "DigitalWatermark").get("Message") or "")
    if len(message) > _MOST_WATERMARK_CHARACTERS:
        raise InvalidArgumentError(
            f"job: DigitalWatermark: Message has {len(message)} characters, and may have {_MOST_WATERMARK_CHARACTERS}."
        )


def _check_choice(operation: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> None:
    value = operation.get(name)
    if value not in (None, "") and str(value) not in choices:
        raise InvalidArgumentError(f"job: {name}={value!r} must be one of {', '.join(choices)}.")


def _warnings(operation: Mapping[str, Any], *, one_object: bool) -> Iterator[str]:
    tag = str(operation.get("Tag"))
    if tag in _MISPRINTS:
        yield f"job: Tag={tag!r} is probably meant to be {_MISPRINTS[tag]!r}, as it is written elsewhere."
    parameters = _mapping(operation, "JobParam")
    if parameters.get("TemplateId") and tag in parameters:
        yield f"job: JobParam has a TemplateId, which makes the service leave {tag} out."
    if operation.get("QueueType") and (tag != "Transcode" or operation.get("QueueId")):
        yield "job: QueueType has an effect only for Tag=Transcode and without QueueId."
    callback_format = operation.get("CallBackFormat")
    if callback_format and callback_format not in _CALLBACK_FORMATS:
        yield f"job: CallBackFormat={callback_format!r} is documented as one of {', '.join(_CALLBACK_FORMATS)}."
    if not one_object:
        for name in _names_without_variable(_mapping(operation, "Output")):
            yield f"job: Output: the name {name!r} is the same for all files, so that each overwrites the one before."


def _names_without_variable(output: Mapping[str, Any]) -> Iterator[str]:
    streams = output.get("StreamExtract")
    several = streams if isinstance(streams, list | tuple) else [streams]
    for node in (output, *(stream for stream in several if isinstance(stream, Mapping))):
        for name in ("Object", "AuObject", "SpriteObject"):
            value = node.get(name)
            if isinstance(value, str) and value and not any(variable in value.lower() for variable in _PER_FILE):
                yield value


def _required(nodes: Any, where: str, name: str, why: str) -> Any:
    if not isinstance(nodes, Mapping):
        raise InvalidArgumentError(f"{where} must be a mapping of nodes, not {nodes!r}.")
    value = nodes.get(name)
    if value in (None, "", {}, []):
        raise InvalidArgumentError(f"{where} needs {name}: {why}.")
    return value


def _mapping(nodes: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = nodes.get(name)
    return value if isinstance(value, Mapping) else {}
