"""TLS on loopback with a certificate made here; HTTP over it; versions and ciphers."""
import http.server
import os
import ssl
import subprocess
import threading
import urllib.request

subprocess.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem "
               "-out c.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 30",
               shell=True, check=True, stderr=subprocess.DEVNULL)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the path and what came."""

    def do_GET(self) -> None:
        self.answer(self.path.encode())

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("c.pem", "k.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    for ciphers in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        client = ssl.create_default_context(cafile="c.pem")
        client.minimum_version = client.maximum_version = version
        client.set_ciphers(ciphers)
        for data in (None, bytes(range(256)) * 2000):
            with urllib.request.urlopen(f"https://localhost:{port}/x?{version.name}", data,
                                        context=client) as answer:
                body = answer.read()
                print(version.name, ciphers, len(body), body[:20])
try:
    urllib.request.urlopen(f"https://localhost:{port}/", context=ssl.create_default_context())
except urllib.error.URLError as e:
    print("refused:", e.reason.verify_message)
server.shutdown()
os.unlink("c.pem")
os.unlink("k.pem")
