import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from twin.core.jws import describe_public_key, is_signed_by, read_parts, sign, signing_key


def test_our_tokens_are_good_in_the_eyes_of_another_library() -> None:
    key = signing_key("test")
    public = jwt.PyJWK(describe_public_key(key))

    assert jwt.decode(sign({"a": 1}, key), public, algorithms=["ES256"]) == {"a": 1}


@pytest.mark.parametrize("algorithm", ["PS256", "RS256"])
def test_signatures_of_another_library_are_verified(algorithm: str) -> None:
    private = rsa.generate_private_key(65537, 2048)
    token = jwt.encode({"iss": "me"}, private, algorithm=algorithm)
    other = jwt.encode({"iss": "you"}, private, algorithm=algorithm)
    forged = ".".join([*other.split(".")[:2], token.split(".")[2]])

    assert is_signed_by(token, private.public_key())
    assert not is_signed_by(forged, private.public_key())
    assert not is_signed_by(token, rsa.generate_private_key(65537, 2048).public_key())
    assert not is_signed_by(token, signing_key("test").public)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "!.!.!", "W10.W10.x"])
def test_other_texts_are_no_tokens(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)token"):
        read_parts(text)
