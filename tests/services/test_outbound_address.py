"""Which addresses a webhook may have and call: the public ones alone."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services import outbound_address

PRIVATE = (
    "0.0.0.0",  # noqa: S104 (called, not bound to)
    "127.0.0.1", "127.8.9.10", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "169.254.1.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "fe80::1", "fe80::1%eth0", "fec0::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::808:808", "100::1",
    "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "4000::1", "::ffff:0:127.0.0.1",
    "not an address", "",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e")


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_not_called(address: str) -> None:
    assert not outbound_address.may_connect(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_called(address: str) -> None:
    assert outbound_address.may_connect(address)


@given(st.ip_addresses())
def test_nothing_is_called_that_the_standard_library_calls_private(address: ipaddress.IPv4Address) -> None:
    if not address.is_global or address.is_multicast or address.is_loopback or address.is_link_local:
        assert not outbound_address.may_connect(str(address))


def test_local_means_this_machine_and_no_other() -> None:
    assert outbound_address.may_connect("127.0.0.1", local=True) and outbound_address.may_connect("::1", local=True)
    for address in ("10.0.0.1", "169.254.169.254", "192.168.1.1", "::ffff:127.0.0.1"):
        assert not outbound_address.may_connect(address, local=True)
    assert outbound_address.read("http://127.0.0.1:9000/x", local=True).port == 9000
    for url in ("http://hooks.example.com/", "https://hooks.example.com:9000/", "http://10.0.0.1/"):
        with pytest.raises(ValueError):
            outbound_address.read(url, local=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "https://hooks.example.com:8080/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://user@hooks.example.com/",
        "https://user:word@hooks.example.com/",
        "https://@hooks.example.com/",
        "https://hooks.example.com\\@evil.example.com/",
        "https://hooks.example.com/\r\nX: y",
        "https://hooks.example.com/a b",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://db.internal/",
        "https://printer.local/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/meta-data/",
        "https:///path",
        "https://",
        "https://[",
        "https://a..b/",
        "https://-a.example.com/",
        "",
    ],
)
def test_what_no_webhook_may_have(url: str) -> None:
    with pytest.raises(ValueError, match=r"\."):
        outbound_address.read(url)


def test_an_address_is_read_into_its_parts() -> None:
    found = outbound_address.read("https://Hooks.Example.com:8443/crm/ä?a=b c&d".replace(" ", "+"))
    assert (found.secure, found.host, found.port) == (True, "hooks.example.com", 8443)
    assert found.path == "/crm/%C3%A4?a=b+c&d" and found.authority == "hooks.example.com:8443"
    assert outbound_address.read("https://bücher.example.com").host == "xn--bcher-kva.example.com"
    assert outbound_address.read("https://[2606:4700:4700::1111]/").authority == "[2606:4700:4700::1111]"


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}", f"https://example.com:{text}/"):
        try:
            found = outbound_address.read(url)
        except ValueError:
            continue
        assert found.path.isascii() and found.host.isascii() and not set(" \r\n") & set(found.path + found.host)
