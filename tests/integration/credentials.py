"""What a protected broker and its clients know each other by, made anew for each session: certificates, users, tokens.

    credentials = Credentials.make(folder)
    ApacheKafka.start(**credentials.broker())        # with the listeners TLS, MTLS, SASLTLS and OAUTH
    credentials.tls(), .mtls(), .sasl("SCRAM-SHA-256"), .oauth(token_file=…)   # what kafka.security then says

Everybody who can log in may do everything, except `GUEST`, who may do nothing.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

USER, GUEST = "shop", "guest"
PASSWORD = "pw-9f27c1aa4e"
KEY_PASSWORD = "key-51be0c77d2"
ISSUER, AUDIENCE = "https://issuer.test", "kafka"
CLIENT = "floodmark-client"

_DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates. Each is written as NAME.pem with NAME.key beside it (PKCS#8)."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._certificate = (
            _certificate(self._name, self._name, self._key.public_key(), _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = _write(folder / f"{name}.pem", _pem(self._certificate))

    def sign(self, name: str, host: str | None = None, life: datetime.timedelta = _DAY, password: str = "") -> str:
        """A certificate for `name`, and for the address `host` if it is a server's; `life` may be over. Its file."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _certificate(_named(name), self._name, key.public_key(), life)
        if host:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            lock = serialization.BestAvailableEncryption(password.encode())
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        _write(self._folder / f"{name}.key", secret)
        return _write(self._folder / f"{name}.pem", _pem(certificate))


@dataclass(frozen=True)
class Credentials:
    """The files are in `folder`; `authority` signed the broker's certificate and `CLIENT`'s."""

    folder: Path
    authority: Authority
    signer: rsa.RSAPrivateKey

    @staticmethod
    def make(folder: Path) -> Credentials:
        authority = Authority(folder, "authority")
        server = Path(authority.sign("broker", host="127.0.0.1"))
        _write(folder / "keystore.pem", Path(server.with_suffix(".key")).read_bytes() + server.read_bytes())
        authority.sign(CLIENT, password=KEY_PASSWORD)
        authority.sign("expired", life=-_DAY)
        Authority(folder, "stranger").sign("impostor")
        signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = signer.public_key().public_numbers()
        jwk = {"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}
        _write(folder / "jwks.json", json.dumps({"keys": [jwk]}).encode())
        return Credentials(folder, authority, signer)

    def broker(self) -> dict[str, Any]:
        """The arguments of ApacheKafka.start."""
        security = "org.apache.kafka.common.security"
        scram = f"{security}.scram.ScramLoginModule required;"
        users = f'user_{USER}="{PASSWORD}" user_{GUEST}="{PASSWORD}"'
        keys = (self.folder / "jwks.json").as_uri()
        tls = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.folder / "keystore.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority.file,
        }
        supers = ("ANONYMOUS", "floodmark", USER, f"CN={CLIENT}")
        return {
            "listeners": {"TLS": "SSL", "MTLS": "SSL", "SASLTLS": "SASL_SSL", "OAUTH": "SASL_SSL"},
            "scram": [
                f"{mechanism}=[name={USER},password={PASSWORD}]" for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            ],
            "system": {"org.apache.kafka.sasl.oauthbearer.allowed.urls": keys},
            "properties": {
                **{
                    f"listener.name.{name}.{key}": tls[key]
                    for name in ("tls", "mtls", "sasltls", "oauth")
                    for key in tls
                },
                "listener.name.mtls.ssl.client.auth": "required",
                "listener.name.sasltls.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                "listener.name.sasltls.plain.sasl.jaas.config": f"{security}.plain.PlainLoginModule required {users};",
                "listener.name.sasltls.scram-sha-256.sasl.jaas.config": scram,
                "listener.name.sasltls.scram-sha-512.sasl.jaas.config": scram,
                "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
                "listener.name.oauth.oauthbearer.sasl.jaas.config": (
                    f"{security}.oauthbearer.OAuthBearerLoginModule required;"
                ),
                "listener.name.oauth.oauthbearer.sasl.server.callback.handler.class": (
                    f"{security}.oauthbearer.OAuthBearerValidatorCallbackHandler"
                ),
                # Kafka 4.1's default checks no signature when the keys are a setting.
                "listener.name.oauth.sasl.oauthbearer.jwt.validator.class": (
                    f"{security}.oauthbearer.BrokerJwtValidator"
                ),
                "listener.name.oauth.sasl.oauthbearer.jwks.endpoint.url": keys,
                "listener.name.oauth.sasl.oauthbearer.expected.issuer": ISSUER,
                "listener.name.oauth.sasl.oauthbearer.expected.audience": AUDIENCE,
                "listener.name.oauth.sasl.oauthbearer.clock.skew.seconds": "0",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": ";".join(f"User:{name}" for name in supers),
            },
        }

    def tls(self, **more: Any) -> dict[str, Any]:
        return {"protocol": "SSL", "ca_file": self.authority.file, **more}

    def mtls(self, name: str = CLIENT, **more: Any) -> dict[str, Any]:
        locked = {"key_password": KEY_PASSWORD} if name == CLIENT else {}
        files = {"cert_file": str(self.folder / f"{name}.pem"), "key_file": str(self.folder / f"{name}.key")}
        return self.tls(**files, **locked, **more)

    def sasl(self, mechanism: str, user: str = USER, password: str = PASSWORD) -> dict[str, Any]:
        return self.tls(protocol="SASL_SSL", sasl_mechanism=mechanism, username=user, password=password)

    def oauth(self, **oauth: Any) -> dict[str, Any]:
        return self.tls(protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", oauth=oauth)

    def token(self, life: float = 600, signer: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
        """A token of RFC 7519 for USER, signed with RS256, that ends `life` seconds from now."""
        now = int(time.time())
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": USER, "iat": now, "exp": now + int(life), **claims}
        text = f"{_json({'alg': 'RS256', 'typ': 'JWT', 'kid': '1'})}.{_json(body)}"
        return f"{text}.{_url((signer or self.signer).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * _DAY)
        .not_valid_after(now + life)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def _url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _json(value: Mapping[str, Any]) -> str:
    return _url(json.dumps(value).encode())


def _number(value: int) -> str:
    return _url(value.to_bytes((value.bit_length() + 7) // 8, "big"))
