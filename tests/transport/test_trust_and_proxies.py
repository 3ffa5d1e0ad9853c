"""Certificates and proxies: one decision and one set of words for both drivers."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
from contextlib import closing

import pytest
import trustme

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs, read_nothing
from airflow_provider_tencent_ci.core.api.put_object import build_put_object
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.retryable_errors import was_not_executed
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.transport.conftest import BUCKET, REGION, configuration
from tests.transport.proxies import Proxy
from tests.transport.servers import RawServer

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<Response/>"
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
USER = "user:p%40ss%2Fw%25rd"


def look():
    return send_with_retry(build_list(JobFilter()), read_jobs, NO_RETRY)


def write():
    return send_with_retry(build_put_object("list.txt", b"x"), read_nothing, NO_RETRY)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in (*BUNDLE_VARIABLES, "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "other.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return str(path)


def tls_server(authority, host="127.0.0.1", **fields):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, **fields).configure_cert(context)
    return RawServer(lambda connection, _head: connection.sendall(EMPTY), context)


@pytest.fixture
def server(authority):
    with tls_server(authority) as server:
        yield server


# --- trust


@pytest.mark.parametrize("variable", [None, *BUNDLE_VARIABLES])
def test_a_private_ca_is_trusted_wherever_it_is_named(run, server, bundle, monkeypatch, variable):
    if variable:
        monkeypatch.setenv(variable, bundle)
    run(configuration(server.url, verify=True if variable else bundle), look())
    assert len(server.heads) == 1


def test_the_connection_s_bundle_takes_precedence(run, server, bundle, other_bundle, monkeypatch):
    for variable in BUNDLE_VARIABLES:
        monkeypatch.setenv(variable, other_bundle)
    run(configuration(server.url, verify=bundle), look())


@pytest.mark.parametrize("last", [1, 2])
def test_the_first_variable_takes_precedence(run, server, bundle, other_bundle, monkeypatch, last):
    monkeypatch.setenv(BUNDLE_VARIABLES[last], bundle)
    run(configuration(server.url), look())
    monkeypatch.setenv(BUNDLE_VARIABLES[last - 1], other_bundle)
    with pytest.raises(e.TransportError, match="certificate is not trusted"):
        run(configuration(server.url), look())


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_connection_may_switch_the_check_off(run, server, other_bundle, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", other_bundle)
    run(configuration(server.url, verify=False), look())


@pytest.mark.parametrize("variable", [None, *BUNDLE_VARIABLES])
@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"no certificate", "no certificate in PEM format")]
)
def test_an_unusable_bundle_is_named_with_its_origin(run, server, tmp_path, monkeypatch, variable, content, reason):
    path = tmp_path / "broken.pem"
    if content:
        path.write_bytes(content)
    if variable:
        monkeypatch.setenv(variable, str(path))
    with pytest.raises(e.InvalidArgumentError, match=reason) as caught:
        run(configuration(server.url, verify=True if variable else str(path)), look())
    assert str(path) in str(caught.value)
    assert (variable or "verify of the connection") in str(caught.value)
    assert server.connections == 0


def test_a_bundle_matters_only_where_there_is_tls(run, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    with RawServer(lambda connection, _head: connection.sendall(EMPTY)) as server:
        run(configuration(server.url), look())


PAST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("host", "fields", "is_known", "reason"),
    [
        ("127.0.0.1", {}, False, "unable to get local issuer certificate"),
        ("127.0.0.1", {"not_after": PAST, "not_before": PAST}, True, "certificate has expired"),
        ("elsewhere.example", {}, True, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
    ids=["unknown CA", "expired", "another host"],
)
def test_a_refused_certificate_is_named_as_the_cause(run, authority, bundle, host, fields, is_known, reason):
    with tls_server(authority, host, **fields) as server, pytest.raises(e.TransportError) as caught:
        run(configuration(server.url, verify=bundle if is_known else True), look())
    assert f": the certificate is not trusted: {reason}. The request did not reach it." in str(caught.value)
    assert "verify" in str(caught.value)
    assert was_not_executed(caught.value)


def test_the_connection_test_names_an_untrusted_certificate_and_a_missing_bundle(server, monkeypatch):
    for verify, cause in ((True, "the certificate is not trusted"), ("/no/such/ca.pem", "'/no/such/ca.pem'")):
        extra = {"region": REGION, "bucket": BUCKET, "endpoint_url": server.url, "verify": verify}
        connection = {"conn_type": "tencent_ci", "login": "AKID", "password": "secret-key", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
        worked, message = TencentCIHook().test_connection()
        assert not worked
        assert cause in message


# --- causes


def test_each_cause_has_the_same_words_in_both_drivers(run, emulator):
    def failed(url, **fields):
        with pytest.raises(e.TransportError) as caught:
            run(configuration(url, request_timeout=0.5, **fields), look())
        return str(caught.value), caught.value.request_sent

    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert ": the connection was refused. The request did not" in failed(closed)[0]
        assert ": the connection was refused, at the proxy. The" in failed("http://bucket.invalid", proxy=closed)[0]
    assert ": TLS failed: " in failed(emulator.url.replace("http:", "https:"))[0]
    assert ": the host name was not found. The request did not" in failed("http://bucket.invalid")[0]
    said, _ = failed("http://bucket.invalid", proxy="http://user:secret-word@proxy.invalid:1")
    assert ": the host name was not found, at the proxy. The request did not" in said
    assert "through the proxy http://proxy.invalid:1 to" in said
    assert "secret-word" not in said
    with RawServer(lambda connection, _head: connection.close()) as server:
        said, request_sent = failed(server.url)
        assert request_sent
        assert said == (
            f"No answer from {server.url} to GET /inventorytriggerjob: the connection broke. The request may have "
            "reached it. Check the network, region and endpoint_url if this goes on."
        )
    with RawServer(lambda *_: server.stopping.wait(60)) as server:
        assert ": the time is over. The request may have reached it." in failed(server.url)[0]


# --- proxies


@pytest.fixture
def connect(monkeypatch):
    """Make a connection, with the environment as the user wrote it; return its configuration."""

    def connect(url, extra=None, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        fields = {"region": REGION, "bucket": BUCKET, "endpoint_url": url, **(extra or {})}
        connection = {"conn_type": "tencent_ci", "login": "AKID", "password": "secret-key", "extra": fields}
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
        return TencentCIHook().config

    return connect


FORMS = ["http://{}", "HTTP://{}", "{}", " {} ", "http://{}/", f"{USER}@{{}}", f"http://{USER}@{{}}"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("where", ["environment", "extra"])
def test_a_proxy_works_in_each_form(run, connect, server, bundle, form, is_tls, where):
    with RawServer(lambda connection, _head: connection.sendall(EMPTY)) as plain, Proxy() as proxy:
        url, address = (server if is_tls else plain).url, form.format(f"127.0.0.1:{proxy.port}")
        extra = {"verify": bundle, **({"proxy": address} if where == "extra" else {})}
        variable = f"{url.partition(':')[0]}_proxy"
        config = connect(url, extra, **({variable: address} if where == "environment" else {}))
        run(config, look())
        [head] = proxy.heads
    assert head.startswith(b"CONNECT 127.0.0.1:" if is_tls else b"GET http://127.0.0.1:")
    # user:p@ss/w%rd
    assert (b"authorization: basic dxnlcjpwqhnzl3clcmq=" in head.lower()) == (USER in form)


def test_a_proxy_may_have_tls_itself(run, connect, authority, server, bundle):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with RawServer(lambda connection, _head: connection.sendall(EMPTY)) as plain, Proxy(context=context) as proxy:
        run(connect(plain.url, {"verify": bundle, "proxy": proxy.url}), look())
        assert len(proxy.heads) == 1
        with pytest.raises(e.TransportError, match="the certificate is not trusted"):
            run(connect(plain.url, {"proxy": proxy.url}), look())


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS4", "socks"])
@pytest.mark.parametrize("where", ["environment", "extra"])
def test_a_socks_proxy_is_refused_by_name(connect, scheme, where):
    address = f"{scheme}://{USER}@127.0.0.1:1080"
    given = {"extra": {"proxy": address}} if where == "extra" else {"http_proxy": address}
    with pytest.raises(e.InvalidArgumentError, match=rf"names a SOCKS proxy \({scheme.lower()}://\)") as caught:
        connect("http://127.0.0.1:9", **given)
    assert ("proxy in extra" if where == "extra" else "http_proxy of the environment") in str(caught.value)
    assert "p%40ss" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["ftp://proxy:1", "http://", "http://:3128", "http://proxy:port", "http://proxy:0", "proxy:99999", "http://[::1",
     "http://user:secret/word@proxy:1", "user:secret#word@proxy:1", "user:secret?word@proxy:1"],
)  # fmt: skip
def test_an_address_that_is_no_proxy_is_refused_without_its_password(connect, address):
    with pytest.raises(e.InvalidArgumentError, match="proxy in extra") as caught:
        connect("http://127.0.0.1:9", {"proxy": address})
    assert "secret" not in str(caught.value)


CI_HOST, COS_HOST = f"{BUCKET}.ci.{REGION}.myqcloud.com", f"{BUCKET}.cos.{REGION}.myqcloud.com"


@pytest.mark.parametrize(
    ("no_proxy", "is_direct"),
    [
        ("", (False, False)),
        (f".ci.{REGION}.myqcloud.com", (True, False)),
        (f"other.example, .cos.{REGION}.myqcloud.com", (False, True)),
        (CI_HOST, (True, False)),
        ("myqcloud.com", (True, True)),
        ("*", (True, True)),
    ],
)
def test_no_proxy_is_judged_for_batch_jobs_and_objects(connect, no_proxy, is_direct):
    config = connect(None, https_proxy="proxy:3128", no_proxy=no_proxy)
    proxies = tuple(None if direct else "http://proxy:3128" for direct in is_direct)
    assert (config.proxy, config.objects_proxy) == proxies


def test_each_request_uses_the_proxy_of_its_host(run):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with Proxy(EMPTY) as jobs, Proxy(answer) as objects:
        config = configuration("http://bucket.invalid", proxy=jobs.url, objects_proxy=objects.url)
        run(config, look())
        run(config, write())
        assert [head[:4] for head in jobs.heads] == [b"GET "]
        assert [head[:4] for head in objects.heads] == [b"PUT "]


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
def test_a_refused_tunnel_is_named_as_the_proxy_s(run, status):
    page = b"<html>Denied by proxy</html>"
    refusal = f"HTTP/1.1 {status}\r\nContent-Length: {len(page)}\r\n\r\n".encode() + page
    with Proxy(refusal) as proxy:
        config = configuration("https://bucket.invalid", proxy=proxy.url.replace("//", "//user:secret-word@"))
        with pytest.raises(e.TransportError) as caught:
            run(config, look())
    assert f": the proxy refused: {status}. The request did not reach it. Check user, password" in str(caught.value)
    assert "secret-word" not in str(caught.value)
    assert was_not_executed(caught.value)
