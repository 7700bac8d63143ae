#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uses a program on a terminal as a person would: waits for what it prints, types, changes the window's size.

usage: terminal.py STEP… -- COMMAND…
  expect=TEXT   waits until the output since the last match contains TEXT
  send=TEXT     types TEXT; \\n, \\x03 and the like as in Python
  size=ROWSxCOLUMNS
  wait=SECONDS

Prints all output, without carriage returns; ends as the command does, or with 125 after a step that failed."""
import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 20  # seconds for one step


class Session:
    def __init__(self, words):
        self.output = b""
        self.seen = 0  # the end of the last match
        self.open = True
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvp(words[0], words)
        self.size("24x80")

    def size(self, text):
        rows, columns = map(int, text.split("x"))
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.master, codecs.decode(text, "unicode_escape").encode())

    def wait(self, text):
        self.read_until(lambda: False, float(text))

    def expect(self, text):
        wanted = codecs.decode(text, "unicode_escape").encode()
        if not self.read_until(lambda: wanted in self.output[self.seen:], PATIENCE):
            raise TimeoutError(f"there is no {text!r}")
        self.seen += self.output[self.seen:].index(wanted) + len(wanted)

    def read_until(self, done, seconds):
        end = time.monotonic() + seconds
        while not done():
            left = end - time.monotonic()
            if left <= 0 or not self.open:
                return False
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.output += os.read(self.master, 65536).replace(b"\r", b"")
                except OSError:  # the last one to hold the terminal has gone
                    self.open = False
        return True

    def end(self):
        """The command's status, as a shell gives it."""
        if self.read_until(lambda: not self.open, PATIENCE) is False and self.open:
            raise TimeoutError("the command does not end")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main():
    split = sys.argv.index("--")
    session = Session(sys.argv[split + 1:])
    try:
        for step in sys.argv[1:split]:
            verb, _, argument = step.partition("=")
            getattr(session, verb)(argument)
        status = session.end()
        status = status if status >= 0 else 128 - status
    except TimeoutError as problem:
        os.kill(session.pid, signal.SIGKILL)
        print(f"terminal.py: {problem}; the output so far:", file=sys.stderr)
        status = 125
    sys.stdout.buffer.write(session.output)
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
