"""The sections [asterisk], [transfer] and [outgoing]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from callchart.adapters.carrier.asterisk.numbers import Allowed
from callchart.adapters.carrier.asterisk.settings import (
    AnswerMode,
    AsteriskSettings,
    AudioSocketSettings,
    ControlMode,
    FilesSettings,
    ListenSettings,
    MediaName,
)
from callchart.adapters.service.sections.fields import (
    FilePath,
    Host,
    Port,
    Secret,
    SecretText,
    String,
    Url,
    pattern,
)
from callchart.adapters.service.sections.table import (
    SECONDS,
    Expected,
    Mistake,
    Source,
    Table,
    nothing,
)

_DEFAULTS = AsteriskSettings()
_NOTHING = Secret("")


class ListenSection(Table):
    """[asterisk.listen]: the WebSocket server that Asterisk connects to."""

    host: Host = ListenSettings().host
    """The address to listen on."""
    port: Port = ListenSettings().port
    """The port to listen on."""
    user: String = ListenSettings().user
    """The user name that Asterisk must send."""
    password: SecretText = _NOTHING
    """The password that Asterisk must send."""


class AudioSocketSection(Table):
    """[asterisk.audiosocket]: the server for media = "audiosocket"."""

    host: Host = AudioSocketSettings().host
    """The address to listen on."""
    port: Port = AudioSocketSettings().port
    """The port to listen on."""
    advertise: String = AudioSocketSettings().advertise
    """The address that Asterisk connects to, if it differs from `host`."""


class FilesSection(Table):
    """[asterisk.files]: Asterisk's folder of recordings, for media = "files"."""

    ours: FilePath
    """The path of the folder for Callchart."""
    asterisk: String
    """The path of the same folder for Asterisk."""


class AsteriskSection(Table):
    """[asterisk]: the connection to Asterisk."""

    url: Url = _DEFAULTS.url
    """Asterisk's HTTP server (http.conf), without /ari."""
    user: String = _DEFAULTS.user
    """The ARI user (ari.conf)."""
    password: SecretText = _NOTHING
    """The password of the ARI user."""
    app: Annotated[
        str,
        pattern(r"[A-Za-z0-9_.-]{1,40}"),
        Expected("the application name in Stasis(): up to 40 letters, digits, _ . and -"),
    ] = _DEFAULTS.app
    """The Stasis application to which the dialplan sends calls."""
    instance: Annotated[
        str, pattern("[A-Za-z0-9]{1,12}"), Expected("up to 12 letters and digits")
    ] = _DEFAULTS.instance
    """The prefix of all ids that Callchart makes in Asterisk. Services that share an Asterisk need
    different prefixes."""
    control: ControlMode = "connect"
    """The side that opens the control connection: "connect" (Callchart), "persistent" (Asterisk,
    one connection) or "per_call" (Asterisk, one connection a call)."""
    control_grace: Annotated[float, Field(ge=0, le=600), SECONDS] = _DEFAULTS.control_grace_s
    """Seconds that calls go on if the control connection is lost."""
    media: MediaName = "websocket"
    """The transport of audio."""
    rate_hz: Literal[8000, 16000] = 16000
    """Samples a second: 8000 for lines with G.711, 16000 for all others."""
    answer: AnswerMode = "at_once"
    """"at_once" answers each call. "early" lets callers hear the bot without answering the call:
    they are not charged."""
    variables: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        Field(strict=False),
        Expected("a list of names of channel variables or functions"),
    ] = ()
    """Channel variables and functions that become facts of the call."""
    record: FilePath | None = None
    """The folder for recordings of both sides. Without this key, calls are not recorded."""
    max_calls: Annotated[int, Field(ge=1, le=10_000)] = _DEFAULTS.max_calls
    """The largest number of calls at a time. Callchart refuses further calls as busy."""
    listen: ListenSection = Field(default_factory=ListenSection)
    media_client: String = _DEFAULTS.media_client
    """The section of websocket_client.conf that connects for media = "websocket_client"."""
    audiosocket: AudioSocketSection = Field(default_factory=AudioSocketSection)
    files: FilesSection | None = None

    @classmethod
    def prepared(cls, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("media") == "files":
            given = {"files": {}, **given}
        return super().prepared(given)

    @classmethod
    def missing(cls, given: Mapping[str, Any], source: Source) -> Iterator[Mistake]:
        control, listen = given.get("control", "connect"), given["listen"]
        if control == "connect":
            for key in ("user", "password"):
                if key not in given:
                    yield (key,), nothing(cls.model_fields[key])
        listens = _listens(control, given.get("media"))
        if listens and isinstance(listen, dict) and "password" not in listen:
            yield ("listen", "password"), nothing(ListenSection.model_fields["password"])

    def settings(self, transfer: TransferSection, outgoing: OutgoingSection) -> AsteriskSettings:
        """Return the settings of the carrier."""
        listen, files = self.listen, self.files
        return AsteriskSettings(
            url=self.url.removesuffix("/ari"),
            user=self.user,
            password=self.password.reveal(),
            app=self.app,
            instance=self.instance,
            control=self.control,
            control_grace_s=self.control_grace,
            media=self.media,
            rate_hz=self.rate_hz,
            answer=self.answer,
            variables=self.variables,
            record=self.record,
            max_calls=self.max_calls,
            listen=ListenSettings(
                host=listen.host,
                port=listen.port,
                user=listen.user,
                password=listen.password.reveal(),
            )
            if _listens(self.control, self.media)
            else None,
            media_client=self.media_client,
            audiosocket=AudioSocketSettings(
                host=self.audiosocket.host,
                port=self.audiosocket.port,
                advertise=self.audiosocket.advertise,
            ),
            files=FilesSettings(ours=files.ours, asterisk=files.asterisk) if files else None,
            allowed=Allowed(transfer.allow),
            transfer_context=transfer.context,
            endpoint=outgoing.endpoint,
            caller=outgoing.caller,
        )


class TransferSection(Table):
    """[transfer]: the numbers that calls may go to."""

    allow: Annotated[
        tuple[Annotated[str, pattern("[0-9A-Za-z*#+_-]{1,40}")], ...],
        Field(strict=False),
        Expected('a list of numbers, in which X is any digit, such as "2XX"'),
    ] = ()
    """The numbers that callers may be transferred to, and that the bot may call. X is any digit."""
    context: String = _DEFAULTS.transfer_context
    """The context of the dialplan that transferred calls enter."""


class OutgoingSection(Table):
    """[outgoing]: the calls that the bot places."""

    endpoint: Annotated[
        str,
        pattern(r"[^{}]*\{\}[^{}]*"),
        Expected('an endpoint with "{}" for the number, such as "PJSIP/{}@trunk"'),
    ] = _DEFAULTS.endpoint
    """The endpoint of outgoing calls; {} is the number."""
    caller: str = _DEFAULTS.caller
    """The caller's number that outgoing calls show."""


def _listens(control: object, media: object) -> bool:
    """Return whether Asterisk connects to our WebSocket server."""
    return control in ("persistent", "per_call") or media == "websocket_client"
