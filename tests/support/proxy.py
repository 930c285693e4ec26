"""A TCP proxy before a server, to cut connections that neither side closed."""

import contextlib
import socket
import struct
import threading

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Passes connections on to a port of this machine, until they are cut."""

    def __init__(self, port):
        self.target = port
        self.deaf = False  # what the server says is swallowed
        self.lock = threading.Lock()
        self.pairs = []
        self.ending = []  # one direction has ended; the other one closes them
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            pair = client, server
            with self.lock:
                self.pairs.append(pair)
            for to_client in (False, True):
                threading.Thread(target=self._pump, args=(pair, to_client), daemon=True).start()

    def _pump(self, pair, to_client):
        source, target = reversed(pair) if to_client else pair
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not (self.deaf and to_client):
                    target.sendall(data)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self.lock:
            if pair in self.pairs:
                self.pairs.remove(pair)
                self.ending.append(pair)
                return
            self.ending.remove(pair)
        for end in pair:
            end.close()

    def cut(self):
        """Resets every connection that stands. Returns how many that were."""
        with self.lock:
            pairs = list(self.pairs)
            for end in (end for pair in pairs for end in pair):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                    end.shutdown(socket.SHUT_RDWR)
        return len(pairs)
