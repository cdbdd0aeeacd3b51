"""A hub on 127.0.0.1 that speaks as much of the Hugging Face hub's protocol as huggingface_hub needs to fetch and push."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

#: Path of a file to its content, by "owner/name".
Repositories = dict[str, dict[str, bytes]]


def commit_of(files: dict[str, bytes]) -> str:
    """A commit id (40 hex digits) that changes with the files."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(files):
        digest.update(path.encode() + files[path])
    return digest.hexdigest()


class _Handler(BaseHTTPRequestHandler):
    repositories: Repositories
    requests: list[str]

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        path = self._noted()
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            if files := self._files(match[1], match[2]):
                self._answer({"id": match[1], "sha": commit_of(files), "siblings": [{"rfilename": n} for n in files]})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            if files := self._files(match[1], match[2]):
                self._answer(
                    [
                        {"type": "file", "path": n, "size": len(d), "oid": hashlib.sha256(d).hexdigest()[:40]}
                        for n, d in files.items()
                    ]
                )
        else:
            self._resolve(path)

    def do_HEAD(self) -> None:
        self._resolve(self._noted())

    def do_POST(self) -> None:
        path = self._noted()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo_id = f"{asked['organization']}/{asked['name']}"
            self.repositories.setdefault(repo_id, {".gitattributes": b"* text=auto\n"})
            self._answer({"url": f"{self._address()}/{repo_id}", "name": repo_id})
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif re.fullmatch(r"/api/models/[^/]+/[^/]+/preupload/[^/]+", path):
            names = [file["path"] for file in json.loads(body)["files"]]
            self._answer({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/[^/]+", path):
            files = self.repositories[match[1]]
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    del files[line["value"]["path"]]
            commit = commit_of(files)
            self._answer({"commitUrl": f"{self._address()}/{match[1]}/commit/{commit}", "commitOid": commit})

    def _resolve(self, path: str) -> None:
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        assert match is not None, path
        files = self._files(match[1], match[2])
        if files:
            data = files[match[3]]
            etag = hashlib.sha256(data).hexdigest()
            self._answer(data, {"ETag": f'"{etag}"', "X-Repo-Commit": commit_of(files)})

    def _files(self, repo_id: str, revision: str | None) -> dict[str, bytes] | None:
        files = self.repositories.get(repo_id)
        if files is None:
            self._answer({"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}, status=404)
        elif revision not in (None, "main", commit_of(files)):
            self._answer({"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"}, status=404)
            return None
        return files

    def _answer(self, content: Any, headers: dict[str, str] | None = None, status: int = 200) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _noted(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.requests.append(f"{self.command} {path}")
        return path

    def _address(self) -> str:
        host, port = self.server.server_address[:2]
        return f"http://{host!s}:{port}"


@contextmanager
def serve(repositories: Repositories) -> Iterator[tuple[str, list[str]]]:
    """Serve repositories, which pushes change; gives the address and a growing list of requests."""
    requests: list[str] = []
    handler = type("Handler", (_Handler,), {"repositories": repositories, "requests": requests})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
