#!/usr/bin/env python3
"""TV through a real nginx: an HLS channel made by ffmpeg, played in Chromium with hls.js; a line without a grant sees 403.

nginx has four fronts: for a line with a grant, for one without, for viewers with a token, and for secure_link. How each is
set up is what docs/edge/tv.md shows."""
import base64, hashlib, http.client, json, os, re, shutil, subprocess, tempfile, time, unittest

import harness
from edge_harness import TOKEN, Edge, tv, write
from harness import ROOT, free_port

KEY, SECRET = "00112233445566778899aabbccddeeff", "open sesame"
SERVICES = [{"service": "tv:basic"}, {"service": "tv:cinema"}]

SERVER = """
  server {
    listen 127.0.0.1:%(port)d;
    location /hls/ {
      auth_request /_dayaq;
      auth_request_set $dayaq_measure $upstream_http_x_dayaq_measure;
      add_header X-Measure $dayaq_measure;
      add_header Access-Control-Allow-Origin * always;
      %(when_away)s
      root %(www)s;
    }
    location = /_dayaq {
      internal;
      proxy_pass http://edges/tv/authorize;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Line-Id "%(line)s";
      proxy_set_header Authorization "Bearer %(token)s";
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 200ms;
      proxy_read_timeout 300ms;
    }
    location @open { root %(www)s; }
  }
"""
PASSES = """
  map $cookie_dayaq $dayaq_pass { ~^(?<dayaq_md5>[\\w-]+)\\.(?<dayaq_until>\\d+)$ $dayaq_md5,$dayaq_until; }
  server {
    listen 127.0.0.1:%(port)d;
    location ~ ^(?<channel>/hls/[^/]+/) {
      auth_request /_dayaq;
      auth_request_set $dayaq_cookie $upstream_http_x_dayaq_pass;
      add_header Set-Cookie $dayaq_cookie;
      root %(www)s;
    }
    location = /_dayaq {
      internal;
      secure_link $dayaq_pass;
      secure_link_md5 "$secure_link_expires$channel $http_x_line_id %(secret)s";
      if ($secure_link = "1") { return 204; }
      proxy_pass http://edges/tv/authorize;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Line-Id $http_x_line_id;
      proxy_set_header Authorization "Bearer %(token)s";
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
"""
SECURE_LINK = """
  server {
    listen 127.0.0.1:%(port)d;
    location ~ ^(?<prefix>/hls/[^/]+/) {
      secure_link $arg_md5,$arg_expires;
      secure_link_md5 "$secure_link_expires$prefix $arg_l %(secret)s";
      if ($secure_link = "") { return 403; }
      if ($secure_link = "0") { return 410; }
      root %(www)s;
    }
  }
"""


class Nginx:
    def __init__(self, folder, edge_port):
        self.folder = folder
        www = os.path.join(folder, "www")
        os.chmod(folder, 0o755)
        self.ports = {name: free_port() for name in ("granted", "other", "token", "open", "secure", "passes")}
        lines = {"granted": tv(1), "other": "994770999999", "token": "", "open": tv(1)}
        servers = "".join(SERVER % {"port": self.ports[name], "www": www, "line": line, "token": TOKEN,
                                    "when_away": "error_page 500 = @open;" if name == "open" else ""}
                          for name, line in lines.items())
        servers += SECURE_LINK % {"port": self.ports["secure"], "secret": SECRET, "www": www}
        servers += PASSES % {"port": self.ports["passes"], "secret": SECRET, "www": www, "token": TOKEN}
        temporary = " ".join(f"{what}_temp_path {folder}/t-{what};" for what in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        write(f"{folder}/nginx.conf", f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{ access_log off; {temporary}
  types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
  upstream edges {{ server 127.0.0.1:{edge_port} max_fails=0; keepalive 16; }}
  {servers}
}}
""", 0o644)
        self.process = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                return self.get("granted", "/nothing") and None
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def get(self, name, path, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return harness.Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)


class Tv(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="dayaq-tv-")
        for channel in ("news", "film"):
            os.makedirs(f"{cls.folder}/www/hls/{channel}")
        # A film, at once; and a live channel for the player.
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10", "-t", "4", "-c:v", "libx264",
                        "-preset", "ultrafast", "-hls_time", "1", "-hls_list_size", "0",
                        f"{cls.folder}/www/hls/film/index.m3u8"], check=True)
        cls.channel = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10", "-f", "lavfi", "-i", "sine",
             "-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-c:a", "aac", "-hls_time", "1", "-hls_list_size", "5",
             "-hls_flags", "delete_segments", f"{cls.folder}/www/hls/news/index.m3u8"], stdin=subprocess.DEVNULL)
        subprocess.run(["chmod", "-R", "a+rX", f"{cls.folder}/www"], check=True)
        cls.edge = Edge(subscriptions=100, line="tv", services=SERVICES, tv={
            "channels": [{"name": "news", "prefix": "/hls/news/", "package": "tv:basic"},
                         {"name": "film", "prefix": "/hls/film/", "package": "tv:cinema"}],
            "heartbeat": "2s", "allow_for": "1s", "deny_for": "1s", "token_key_file": "tv.key", "secure_link_file": "tv.secret",
            "passes": True})
        write(f"{cls.edge.folder}/tv.key", KEY + "\n")
        write(f"{cls.edge.folder}/tv.secret", SECRET + "\n")
        cls.edge.start()
        cls.nginx = Nginx(cls.folder, cls.edge.ports["http"])
        deadline = time.monotonic() + 30
        while not os.path.exists(f"{cls.folder}/www/hls/news/index.m3u8"):
            assert time.monotonic() < deadline, "ffmpeg makes no channel"
            time.sleep(0.1)

    @classmethod
    def tearDownClass(cls):
        cls.nginx.stop()
        cls.channel.terminate()
        cls.channel.wait(timeout=10)
        cls.edge.remove()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def counted(self):
        return self.edge.metrics()['dayaq_edge_used_total{benefit="tv"}']

    def play(self, name, seconds):
        done = subprocess.run(["node", f"{ROOT}/tests/tv/play.mjs",
                               f"http://127.0.0.1:{self.nginx.ports[name]}/hls/news/index.m3u8", str(seconds)],
                              capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])

    def token(self, channel="news"):
        answer = self.edge.post("/v1/tv/tokens", {"line": tv(1), "channel": channel})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def test_a_line_with_a_grant_watches_and_its_viewing_is_counted(self):
        before, started = self.counted(), time.monotonic()
        seen = self.play("granted", 8)
        watched = time.monotonic() - started
        self.assertGreaterEqual(seen["played"], 8, seen)
        self.assertEqual((seen["width"], seen["denied"]), (320, 0), seen)
        deadline = time.monotonic() + 15  # the last report comes when the viewer has been silent
        while time.monotonic() < deadline and self.edge.metrics()["dayaq_edge_tv_viewers"] > 0:
            time.sleep(0.5)
        counted = self.counted() - before
        self.assertGreaterEqual(counted, 4)
        self.assertLessEqual(counted, watched + 1)

    def test_a_line_without_a_grant_sees_403_and_no_picture(self):
        seen = self.play("other", 5)
        self.assertEqual(seen["played"], 0, seen)
        self.assertGreater(seen["denied"], 0, seen)

    def test_a_package_opens_its_own_channels_alone(self):
        self.assertEqual(self.nginx.get("granted", "/hls/news/index.m3u8").status, 200)
        self.assertEqual(self.nginx.get("granted", "/hls/film/index.m3u8").status, 403)
        self.assertEqual(self.nginx.get("granted", "/hls/news/../film/index.m3u8").status, 403)
        self.assertEqual(self.nginx.get("granted", "/hls/news/%2e%2e/film/index.m3u8").status, 403)

    def test_nginx_learns_the_measure_and_how_long_the_answer_holds(self):
        self.assertEqual(self.nginx.get("granted", "/hls/news/index.m3u8").headers["X-Measure"], "5")
        direct = self.edge.get("/tv/authorize", headers={"X-Original-URI": "/hls/news/1.ts", "X-Line-Id": tv(2)})
        self.assertEqual((direct.status, direct.body), (204, b""))
        self.assertRegex(direct.headers["Cache-Control"], r"^max-age=\d+$")
        self.assertEqual(direct.headers["X-Dayaq-Outcome"], "granted")
        self.assertEqual(self.edge.get("/tv/authorize", token=None).status, 401)

    def test_a_token_opens_its_channel_until_it_is_changed(self):
        token = self.token()
        self.assertEqual(self.nginx.get("token", f"/hls/news/index.m3u8?{token['query']}").status, 200)
        self.assertEqual(self.nginx.get("token", "/hls/news/index.m3u8").status, 401)
        self.assertEqual(self.nginx.get("token", f"/hls/film/index.m3u8?{token['query']}").status, 401)
        forged = re.sub(r"exp=\d", "exp=9", token["query"])
        self.assertEqual(self.nginx.get("token", f"/hls/news/index.m3u8?{forged}").status, 401)

    def test_a_cdn_can_check_a_token_by_its_documented_form(self):
        import hmac
        token = self.token()["token"]
        text, _, mac = token.rpartition("~hmac=")
        self.assertEqual(hmac.new(bytes.fromhex(KEY), text.encode(), hashlib.sha256).hexdigest(), mac)
        fields = dict(field.split("=", 1) for field in text.split("~"))
        self.assertEqual(fields["acl"], "/hls/news/*")
        self.assertLess(abs(int(fields["exp"]) - time.time() - 300), 5)
        self.assertNotIn(tv(1), token)  # the line's number doesn't travel

    def test_no_token_without_a_grant(self):
        self.assertEqual(self.edge.post("/v1/tv/tokens", {"line": "994770999999", "channel": "news"}).status, 403)
        self.assertEqual(self.edge.post("/v1/tv/tokens", {"line": tv(1), "channel": "film"}).status, 403)
        self.assertEqual(self.edge.post("/v1/tv/tokens", {"line": tv(1), "channel": "none"}).status, 404)

    def test_nginx_itself_checks_a_secure_link(self):
        link = self.token()["secure_link"]
        self.assertEqual(self.nginx.get("secure", f"/hls/news/index.m3u8?{link}").status, 200)
        self.assertEqual(self.nginx.get("secure", f"/hls/film/index.m3u8?{link}").status, 403)
        self.assertEqual(self.nginx.get("secure", "/hls/news/index.m3u8").status, 403)

    def test_nginx_knows_who_has_a_pass_and_asks_again_when_it_has_run_out(self):
        def get(path, line=tv(1), cookie=None):
            return self.nginx.get("passes", path, {"X-Line-Id": line, **({"Cookie": cookie} if cookie else {})})
        first = get("/hls/news/index.m3u8")
        self.assertEqual(first.status, 200)
        cookie, *attributes = first.headers["Set-Cookie"].split("; ")
        self.assertEqual(attributes[1:], ["Path=/hls/news/", "HttpOnly"])
        self.assertRegex(attributes[0], r"^Max-Age=[12]$")
        mac, until = re.fullmatch(r"dayaq=(.+)\.(\d+)", cookie).groups()
        def made(until, channel, line):
            text = f"{until}{channel} {line} {SECRET}".encode()
            return "dayaq=" + base64.urlsafe_b64encode(hashlib.md5(text).digest()).decode().rstrip("=") + f".{until}"
        self.assertEqual(made(until, "/hls/news/", tv(1)), cookie, "as docs/edge/tv.md says")
        # One that holds for longer, so that the test may be slow.
        cookie = made(int(time.time()) + 600, "/hls/news/", tv(1))
        for _ in range(5):
            again = get("/hls/news/index.m3u8", cookie=f"a=b; {cookie}")
            self.assertEqual((again.status, again.headers["Set-Cookie"]), (200, None), "the edge isn't asked: no new pass")
        for path in ("/hls/film/index.m3u8", "/hls/news/../film/index.m3u8", "/hls/news/..%2ffilm/index.m3u8"):
            self.assertEqual(get(path, cookie=cookie).status, 403, path)
        self.assertEqual(get("/hls/news/index.m3u8", "994770999999", cookie).status, 403, "of another line")
        self.assertEqual(get("/hls/news/index.m3u8", "994770999999", f"dayaq={mac}.{int(until) + 600}").status, 403)
        old = made(int(time.time()) - 1, "/hls/news/", tv(1))
        renewed = get("/hls/news/index.m3u8", cookie=old)
        self.assertEqual(renewed.status, 200)
        self.assertRegex(renewed.headers["Set-Cookie"], r"^dayaq=.+\.\d+; Max-Age=")

    def test_while_the_edge_is_away_nginx_does_as_it_is_told(self):
        self.edge.kill()
        try:
            self.assertEqual(self.nginx.get("open", "/hls/news/index.m3u8").status, 200)
            self.assertEqual(self.nginx.get("granted", "/hls/news/index.m3u8").status, 500)
        finally:
            self.edge.start()
        self.assertEqual(self.nginx.get("granted", "/hls/news/index.m3u8").status, 200)


if __name__ == "__main__":
    harness.main()
