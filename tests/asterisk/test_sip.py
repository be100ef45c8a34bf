"""SIP and SDP as bytes: messages of Asterisk are parsed, other datagrams are refused."""

from __future__ import annotations

import pytest

from tests.asterisk import sdp, sip
from tests.asterisk.codec import L16, PCMA, PCMU

BUSY = (
    b"SIP/2.0 486 Busy Here\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5060;rport=5060;received=127.0.0.1;branch=z9hG4bK1\r\n"
    b"call-id: abc\r\n"
    b"From: <sip:caller@127.0.0.1>;tag=1\r\n"
    b"To: <sip:bot@127.0.0.1>;tag=2\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Contact: <sip:bot@127.0.0.1:5060>\r\n"
    b"Reason: Q.850;cause=17\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def test_a_response_is_read() -> None:
    response = sip.parse(BUSY)
    assert isinstance(response, sip.Response)
    assert response.status == 486
    assert response.call_id == "abc"
    assert response.cseq == (7, "INVITE")
    assert response.branch == "z9hG4bK1"
    assert response.contact == "sip:bot@127.0.0.1:5060"
    assert response.cause == 17


def test_a_request_is_parsed_back_from_its_own_bytes() -> None:
    headers = (("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9"), ("To", "<sip:a@b>"))
    request = sip.Request((*headers, ("Content-Length", "2")), "hi", "MESSAGE", "sip:a@b")
    sent = sip.Request(headers, "hi", "MESSAGE", "sip:a@b")
    assert sip.parse(sent.to_bytes()) == request


def test_an_answer_gets_our_tag_unless_it_has_one() -> None:
    request = sip.Request((("To", "<sip:a@b>"), ("Subject", "x")), "", "BYE", "sip:a@b")
    assert sip.answer(request, 200, "mine").headers == (("To", "<sip:a@b>;tag=mine"),)
    tagged = sip.Request((("To", "<sip:a@b>;tag=old"),), "", "BYE", "sip:a@b")
    assert sip.answer(tagged, 200, "mine").headers == (("To", "<sip:a@b>;tag=old"),)
    assert sip.answer(request, 100, "mine").headers == (("To", "<sip:a@b>"),)


@pytest.mark.parametrize("datagram", [b"", b"\xff\x80", b"hello", b"A b SIP/2.0\r\nno colon"])
def test_an_invalid_sip_message_is_refused(datagram: bytes) -> None:
    with pytest.raises(sip.NotSip):
        sip.parse(datagram)


def test_formats_of_an_offer_are_found_by_name() -> None:
    session = sdp.parse(
        "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 20000 RTP/AVP 0 8 118 101 121\r\n"
        "a=rtpmap:118 L16/16000\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=rtpmap:121 telephone-event/16000\r\n"
    )
    assert session.address == ("127.0.0.1", 20000)
    assert [session.payload_type(codec) for codec in (PCMU, PCMA, L16)] == [0, 8, 118]
    assert [session.key_type(codec) for codec in (PCMU, L16)] == [101, 121]


def test_our_own_description_is_read_back() -> None:
    session = sdp.parse(sdp.describe(4000, L16, 118, 101))
    assert session.address == ("127.0.0.1", 4000)
    assert session.payload_type(L16) == 118
    assert session.payload_type(PCMU) is None
    assert session.key_type(L16) == 101


def test_a_description_without_audio_is_refused() -> None:
    with pytest.raises(ValueError, match="without audio"):
        sdp.parse("v=0\r\nc=IN IP4 127.0.0.1\r\nm=video 1 RTP/AVP 99\r\n")
