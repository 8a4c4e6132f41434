"""Makes sealing-vectors.json: the formats of src/fleet/sealing.ts once more, by
another hand. HKDF and HMAC are made of hashlib and hmac; AES-256-GCM is that of
the Python package `cryptography`.

    python3 test/fleet/sealing-vectors.py > test/fleet/sealing-vectors.json
"""

import base64
import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRETS = [bytes(range(32)), bytes(range(255, 223, -1))]
NONCE = bytes(range(100, 112))


def hkdf(secret, info, length):
    """RFC 5869 with SHA-256 and no salt."""
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    block, made = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.new(extracted, block + info + bytes([counter]), hashlib.sha256).digest()
        made += block
    return made[:length]


def key(secret, purpose, length=32):
    return hkdf(secret, b"tlsmgr fleet 1 " + purpose, length)


def short_name(secret, purpose, message):
    digest = hmac.new(key(secret, purpose), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")[:22]


def seal(secret, purpose, place, expires_at_ms, value):
    head = b"\x01" + key(secret, b"id")[:4] + expires_at_ms.to_bytes(6, "big")
    associated = head + purpose + b"\x00" + place
    return head + NONCE + AESGCM(key(secret, purpose)).encrypt(NONCE, value, associated)


def session(secret, label, cache_id, expires_at_ms, value):
    purpose = b"session %d" % (expires_at_ms // 3_600_000)
    place = label.encode() + b"\x00" + cache_id
    return {
        "label": label,
        "id": cache_id.hex(),
        "expiresAtMs": expires_at_ms,
        "value": value.hex(),
        "engineKey": f"s:{label}:{short_name(secret, b'name', place)}",
        "sealed": seal(secret, purpose, place, expires_at_ms, value).hex(),
    }


def period_bytes(period_seconds, period):
    return struct.pack(">IQ", period_seconds, period)


def ticket_key(secret, key_set, period_seconds, period, name, expires_at_ms, value):
    place = key_set.encode() + b"\x00" + period_bytes(period_seconds, period) + name
    return {
        "set": key_set,
        "periodSeconds": period_seconds,
        "period": period,
        "name": name.hex(),
        "expiresAtMs": expires_at_ms,
        "value": value.hex(),
        "sealed": seal(secret, b"keys %d" % period, place, expires_at_ms, value).hex(),
    }


def derived(secret, key_set, period_seconds, period):
    purpose = b"ticket\x00" + key_set.encode() + b"\x00" + period_bytes(period_seconds, period)
    return {
        "set": key_set,
        "periodSeconds": period_seconds,
        "period": period,
        "key": key(secret, purpose, 80).hex(),
    }


def heartbeat(secret, host, expires_at_ms, value):
    field = short_name(secret, b"host", host.encode())
    sealed = seal(secret, b"heartbeat", field.encode() + b"\x00", expires_at_ms, value)
    return {
        "host": host,
        "field": field,
        "expiresAtMs": expires_at_ms,
        "value": value.hex(),
        "sealed": sealed.hex(),
    }


def vectors(secret):
    return {
        "secret": secret.hex(),
        "sessions": [
            session(secret, "smtp", b"smtp&mx.example.org&\x00\xff\xfe", 1_800_000_000_123, b"a session"),
            session(secret, "smtpd", b"", 1_799_999_999_999, b""),
            session(secret, "web_2", bytes(range(256)), 1_800_003_599_999, bytes(range(256)) * 8),
        ],
        "keys": [
            ticket_key(secret, "tlsmgr", 1800, 1_000_000, bytes(range(16)), 1_800_003_900_000, bytes(range(90))),
            ticket_key(secret, "m\u00fcnchen", 43_200, 41_666, bytes(16), 1_800_057_600_000, b"k"),
        ],
        "derived": [
            derived(secret, "tlsmgr", 1800, 0),
            derived(secret, "tlsmgr", 1800, 1),
            derived(secret, "tlsmgr", 1800, 1_000_000),
            derived(secret, "m\u00fcnchen", 43_200, 4_294_967_296),
        ],
        "heartbeats": [
            heartbeat(secret, "mx1.example.org", 1_800_003_600_000, b'{"host":"mx1.example.org"}'),
        ],
    }


print(json.dumps({"nowMs": 1_799_999_990_000, "vectors": [vectors(one) for one in SECRETS]}, indent=2))
