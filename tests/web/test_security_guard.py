"""Attacks on a running server: each is turned away, by a real socket."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest
from fake_campaign import NASTY, FakeCampaign
from running_server import Running, running

from isoflop.errors import BadInput, Failure
from isoflop.web import live, security
from isoflop.web.security import TOKEN_HEADER, Door, read_json, unpacked
from isoflop.web.server import bind, make_server
from isoflop.web.study_worker import read_table

TABLE = "params,tokens,loss,name\n" + "".join(f"{1e6 * 2**i},{1e7 * 3**i},{3 - 0.1 * i},run {i}\n" for i in range(8))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("guard") / "campaign"
    campaign = FakeCampaign(folder, name=NASTY)
    campaign.land(*campaign.run_ids[:2])
    campaign.train(campaign.run_ids[2], 0.3)
    with running(folder) as server:
        yield server


@pytest.fixture(scope="module")
def key(served: Running) -> str:
    with served.client() as client:
        return str(client.get("/api/studies").json()["studies"][0]["key"])


def sent(name: str, content: bytes | str) -> dict[str, str]:
    raw = content.encode() if isinstance(content, str) else content
    return {"name": name, "content": base64.b64encode(raw).decode()}


def raw_request(served: Running, text: str) -> bytes:
    """The answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(text.replace("\n", "\r\n").encode("latin-1"))
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
        return answer


class TestTheToken:
    @pytest.mark.parametrize("path", ["/", "/api/studies", "/api/studies/x/events", "/nothing"])
    def test_without_it_nothing_is_told(self, served, path):
        with served.bare() as client:
            answer = client.get(path)
            assert answer.status_code == 403
            assert "isoflop serve" in answer.text
            assert served.token not in answer.text

    @pytest.mark.parametrize("wrong", ["", "x", "é", "0" * 43])
    def test_another_opens_nothing_by_header_link_or_cookie(self, served, wrong):
        with served.bare() as client:
            assert client.get("/", params={"token": wrong}).status_code == 403
            assert client.get("/api/studies", headers={TOKEN_HEADER: wrong.encode()}).status_code == 403
            cookie = f"isoflop_{served.port}={wrong}".encode()
            assert client.get("/api/studies", headers={"cookie": cookie}).status_code == 403

    def test_the_link_opens_the_page_and_sets_a_cookie_that_no_script_and_no_other_site_gets(self, served):
        with served.bare() as client:
            answer = client.get(served.link)
            assert answer.status_code == 200
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert client.get("/api/studies").status_code == 200  # by the cookie

    def test_in_the_address_of_data_it_opens_nothing(self, served):
        with served.bare() as client:
            assert client.get("/api/studies", params={"token": served.token}).status_code == 403

    def test_twice_in_a_request_it_opens_nothing(self, served):
        with served.bare() as client:
            twice = [(TOKEN_HEADER, served.token), (TOKEN_HEADER, "x")]
            assert client.get("/api/studies", headers=twice).status_code == 403
            assert client.get(f"/?token={served.token}&token=x").status_code == 403

    def test_it_is_another_at_every_start_and_compared_in_constant_time(self, monkeypatch):
        door = Door.of("127.0.0.1", 1)
        assert door.token != Door.of("127.0.0.1", 1).token
        assert len(door.token) >= 43
        compared = []
        monkeypatch.setattr(security.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or False)
        assert not door.opens(door.token)
        assert compared == [(door.token.encode(), door.token.encode())]


class TestTheHost:
    @pytest.mark.parametrize(
        "host",
        ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "[::2]", "10.0.0.1", ""],
    )
    def test_a_name_that_was_made_to_lead_here_is_not_answered(self, served, host):
        with served.client(host=host) as client:
            assert client.get("/api/studies").status_code in (400, 421)

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9999", "127.0.0.1", "[::1]:80", "localhost."])
    def test_loopback_by_any_of_its_names_is_answered_whatever_port_a_tunnel_has(self, served, host):
        with served.client(host=host) as client:
            assert client.get("/api/studies").status_code == 200

    def test_two_host_headers_are_refused(self, served):
        lines = f"GET /api/studies HTTP/1.1\nHost: localhost\nHost: evil.example\n{TOKEN_HEADER}: {served.token}\n\n"
        assert raw_request(served, lines).split(b"\r\n")[0].split()[1] in (b"400", b"421")

    def test_a_server_open_to_others_answers_to_addresses_in_digits_and_to_no_foreign_name(self):
        door = Door.of("0.0.0.0", 8000)
        assert door.open_to_others
        assert door.knows("192.168.1.7:8000")
        assert not door.knows("evil.example:8000")
        assert not door.knows("0.0.0.0.evil.example")

    def test_it_listens_on_this_machine_alone_unless_told(self, served):
        assert served.server.servers[0].sockets[0].getsockname()[0] == "127.0.0.1"


class TestOtherSites:
    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://", "localhost"])
    def test_their_scripts_get_nothing_even_with_the_token(self, served, origin):
        with served.client(origin=origin) as client:
            assert client.get("/api/studies").status_code == 403
            assert client.post("/api/studies", json=sent("a.csv", TABLE)).status_code == 403

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_what_a_browser_says_comes_from_another_site_is_refused_but_for_a_link_to_the_page(self, served, site):
        headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
        with served.client(**headers) as client:
            assert client.get("/api/studies").status_code == 403
            assert client.get("/").status_code == 403
            assert client.get("/", headers={"sec-fetch-mode": "navigate"}).status_code == 200

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
    def test_a_form_of_theirs_writes_nothing(self, served, kind):
        body = json.dumps(sent("a.csv", TABLE))
        with served.client() as client:
            answer = client.post("/api/studies", content=body, headers={"content-type": kind})
            assert answer.status_code == 415

    def test_a_write_needs_the_token_in_its_header_and_not_the_cookie_that_a_browser_adds(self, served):
        with served.bare() as client:
            client.get(served.link)
            assert client.post("/api/studies", json=sent("a.csv", TABLE)).status_code == 403

    def test_no_answer_allows_another_origin(self, served):
        with served.client() as client:
            answer = client.get("/api/studies")
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert client.options("/api/studies").status_code == 405

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
    def test_other_methods_are_refused(self, served, method):
        with served.client() as client:
            assert client.request(method, "/api/studies").status_code in (400, 405)


class TestWhatIsSent:
    def post(self, served: Running, content: bytes | str) -> httpx.Response:
        with served.client() as client:
            return client.post("/api/studies", content=content, headers={"content-type": "application/json"})

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400])
    def test_numbers_that_are_none_are_refused_in_json(self, served, number):
        answer = self.post(served, f'{{"name": "a.csv", "content": "", "x": {number}}}')
        assert answer.status_code == 400
        assert "number" in answer.json()["error"]

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
    @pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.jsonl.gz"])
    def test_numbers_that_are_none_are_refused_in_a_table_of_json(self, tmp_path, name, number):
        row = f'{{"params": 1e6, "tokens": 1e9, "loss": {number}}}'
        text = (f"[{row}]" if name == "a.json" else row).encode()
        (tmp_path / "sent").write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        with pytest.raises(BadInput, match="number"):
            read_table(tmp_path / "sent", name)

    @pytest.mark.parametrize(
        "body",
        ["", "[]", "null", "{}", '{"name": 1, "content": ""}', '{"name": "a.csv"}', '{"name": "a.csv", "content": "%%"}',
         '{"name": "../../a.csv", "content": ""}', '{"name": "a\\u0000.csv", "content": ""}', '{"name": "a.exe", "content": ""}',
         '{"name": "a.csv", "name": "b.csv", "content": ""}', "[" * 100_000, '{"a":' * 5000, "\ufeff{}", b"\xff\xfe"],
    )  # fmt: skip
    def test_what_is_no_table_is_refused_with_a_reason(self, served, body):
        answer = self.post(served, body)
        assert answer.status_code == 400
        assert answer.json()["error"]

    def test_a_body_beyond_the_bound_is_refused_before_it_is_read(self, served):
        line = f"POST /api/studies HTTP/1.1\nHost: localhost\n{TOKEN_HEADER}: {served.token}\n"
        line += "Content-Type: application/json\nContent-Length: 99999999999\n\n"
        assert raw_request(served, line).split()[1] == b"413"

    def test_a_body_of_unsaid_length_is_cut_off_at_the_bound(self, served, monkeypatch):
        monkeypatch.setattr(security, "MOST_BODY", 1 << 20)

        def endless() -> Iterator[bytes]:
            for _ in range(64):
                yield b" " * (1 << 16)

        with served.client() as client:
            answer = client.post("/api/studies", content=endless(), headers={"content-type": "application/json"})
            assert answer.status_code == 413

    def test_a_compressed_request_is_refused(self, served):
        body = gzip.compress(json.dumps(sent("a.csv", TABLE)).encode())
        with served.client() as client:
            headers = {"content-type": "application/json", "content-encoding": "gzip"}
            assert client.post("/api/studies", content=body, headers=headers).status_code == 415

    def test_a_gzip_bomb_is_refused_and_never_unpacked_whole(self, served):
        bomb = gzip.compress(b"0" * (200 << 20), 9)
        assert len(bomb) < 1 << 20
        answer = self.post(served, json.dumps(sent("a.csv.gz", bomb)))
        assert answer.status_code == 400
        assert "64 MiB when decompressed" in answer.json()["error"]

    def test_a_parquet_of_too_many_rows_is_refused_by_what_it_says_of_itself(self, served, tmp_path):
        path = tmp_path / "a.parquet"
        ones = pl.select(pl.repeat(1.0, 3_000_000).alias("params")).with_columns(tokens="params", loss="params")
        ones.write_parquet(path)
        assert path.stat().st_size < 1 << 16
        answer = self.post(served, json.dumps(sent("a.parquet", path.read_bytes())))
        assert answer.status_code == 400
        assert "3000000 rows" in answer.json()["error"]

    def test_broken_bytes_are_refused_and_the_server_lives(self, served):
        answer = self.post(served, json.dumps(sent("a.parquet", b"PAR1" + b"\x00" * 400 + b"PAR1")))
        assert answer.status_code == 400, answer.text
        assert "/tmp" not in answer.json()["error"]
        with served.client() as client:
            assert client.get("/api/studies").status_code == 200

    @pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.json"])
    @pytest.mark.parametrize("content", [b"\x1f\x8bgarbage", b"\x00" * 99, b"", b"\xff\xfea"])
    def test_broken_bytes_of_any_kind_are_refused_by_the_name_they_came_with(self, tmp_path, name, content):
        (tmp_path / "sent").write_bytes(content)
        with pytest.raises(BadInput) as refused:
            read_table(tmp_path / "sent", name)
        assert str(tmp_path) not in str(refused.value)

    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_a_good_table_becomes_a_study(self, served, pack):
        name = "runs.csv.gz" if pack is gzip.compress else "runs.csv"
        answer = self.post(served, json.dumps(sent(name, pack(TABLE.encode()))))
        assert answer.status_code == 201, answer.text
        with served.client() as client:
            study = client.get(f"/api/studies/{answer.json()['key']}").json()
        assert study["name"] == name
        assert len(study["columns"]["run_id"]) == 8
        assert study["columns"]["name"][0] == "run 0"

    def test_only_the_last_few_uploads_are_kept(self, served, monkeypatch):
        monkeypatch.setattr(live, "KEPT_UPLOADS", 1)
        keys = [self.post(served, json.dumps(sent(f"{i}.csv", TABLE))).json()["key"] for i in range(2)]
        with served.client() as client:
            assert client.get(f"/api/studies/{keys[0]}").status_code == 404
            assert client.get(f"/api/studies/{keys[-1]}").status_code == 200


class TestAnswers:
    def test_all_carry_the_headers_that_keep_a_browser_from_guessing_framing_and_telling(self, served, key):
        with served.client() as client, served.bare() as stranger:
            answers = [client.get("/"), client.get(f"/api/studies/{key}"), client.get("/nothing"), stranger.get("/")]
        for answer in answers:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert "unsafe-eval" not in answer.headers["content-security-policy"]
            assert "script-src 'unsafe-inline'" not in answer.headers["content-security-policy"]
            assert "server" not in answer.headers

    def test_no_text_of_a_study_is_html(self, served, key):
        with served.client() as client:
            study = client.get(f"/api/studies/{key}")
            run = study.json()["columns"]["run_id"][2]
            log = client.get(f"/api/studies/{key}/log", params={"run": run})
            page = client.get("/").text
        assert NASTY in study.json()["name"]
        assert NASTY in log.json()["text"]
        assert {study.headers["content-type"], log.headers["content-type"]} == {"application/json"}
        assert NASTY not in page

    @pytest.mark.parametrize(
        "path",
        [
            "/api/studies/../../etc/passwd",
            "/api/studies/%2e%2e%2f",
            "/static/core/app.js",
            "/etc/passwd",
            "/\\x",
        ],
    )
    def test_there_are_no_files_to_be_had(self, served, path):
        with served.client() as client:
            assert client.get(path).status_code == 404

    def test_a_log_is_that_of_a_run_and_of_nothing_else(self, served, key):
        with served.client() as client:
            for run in ("../../../etc/passwd", "/etc/passwd", "", "trunk-0"):
                assert client.get(f"/api/studies/{key}/log", params={"run": run}).json() == {"text": None}


class TestBinding:
    def test_a_port_that_is_taken_is_named_and_another_suggested(self, served):
        with pytest.raises(Failure, match=rf"Port {served.port} is taken.*--port \d+"):
            bind("127.0.0.1", served.port)

    def test_an_address_that_is_not_this_machines_is_refused(self):
        with pytest.raises(BadInput, match=r"--host 203\.0\.113\.1 is no address of this machine"):
            make_server({}, list, host="203.0.113.1", port=0)


def test_strict_json_reads_what_is_json():
    assert read_json('{"a": [1, 2.5, null, true, "x"], "b": 99999999999999999999}') == {
        "a": [1, 2.5, None, True, "x"],
        "b": 1e20,
    }


def test_what_is_not_gzip_comes_back_as_it_is_within_the_bound():
    assert unpacked(b"abc") == b"abc"
    assert unpacked(gzip.compress(b"abc")) == b"abc"
    with pytest.raises(BadInput, match="MiB"):
        unpacked(b"a" * 11, most=10)


def test_the_token_is_not_in_any_file_of_the_study(served: Running, tmp_path: Path):
    source = next(iter(served.server._hub.studies.values())).source
    found = [
        path for path in Path(source.folder).rglob("*") if path.is_file() and served.token.encode() in path.read_bytes()
    ]
    assert found == []
