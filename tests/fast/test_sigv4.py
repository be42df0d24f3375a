"""Signatures, beside botocore's own signer and AWS's published vectors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from async_dynamo_store.dynamodb.fast.sigv4 import Signer

MOMENT = datetime(2026, 11, 22, 17, 1, 9, tzinfo=UTC)
TOKENS = st.text("abcXYZ019/+=-_", min_size=1, max_size=60)
HEADERS = st.dictionaries(
    st.sampled_from(["x-amz-target", "content-type", "x-amz-meta-a", "x-amz-security-token", "zeta"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
)


@given(
    TOKENS,
    TOKENS,
    st.sampled_from(["eu-west-1", "us-gov-east-1", "cn-north-1"]),
    HEADERS,
    st.binary(max_size=300),
)
def test_signs_as_botocore_does(
    access: str, secret: str, region: str, headers: dict[str, str], body: bytes
) -> None:
    request = AWSRequest("POST", "https://dynamodb.example.com/", headers=headers, data=body)
    with time_machine.travel(MOMENT, tick=False):
        SigV4Auth(Credentials(access, secret), "dynamodb", region).add_auth(request)

    ours = {name.lower(): value for name, value in headers.items()}
    ours |= {"host": "dynamodb.example.com", "x-amz-date": MOMENT.strftime("%Y%m%dT%H%M%SZ")}
    assert (
        Signer(access, secret, region, "dynamodb", ours).authorization(body)
        == request.headers["Authorization"]
    )


# From AWS's Signature Version 4 test suite: credentials, moment, requests and signatures are AWS's.
@pytest.mark.parametrize(
    ("headers", "body", "signed", "signature"),
    [
        pytest.param(
            {},
            b"",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            {"my-header1": "VALUE1"},
            b"",
            "host;my-header1;x-amz-date",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            id="post-header-value-case",
        ),
        pytest.param(
            {"content-type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            id="post-x-www-form-urlencoded",
        ),
    ],
)
def test_signs_as_aws_published(headers: dict[str, str], body: bytes, signed: str, signature: str) -> None:
    whole = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"} | headers
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    assert Signer("AKIDEXAMPLE", secret, "us-east-1", "service", whole).authorization(body) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={signed}, Signature={signature}"
    )
