"""Runs a command on a terminal of its own: terminal.py COLUMNS ROWS COMMAND [ARGUMENT...]

What the command writes there goes to standard output as it is. Each line of standard input is JSON and one of
{"type": TEXT}, {"resize": [COLUMNS, ROWS]} and {"kill": SIGNAL}. Ends as the command does, with 128 and the signal when
it was killed; when this program ends before, the terminal hangs up.
"""
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


pid, terminal = pty.fork()
if pid == 0:
    resize(0, int(sys.argv[1]), int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])

waiting = b""
sources = [terminal, 0]
while True:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if source == terminal and data:
            os.write(1, data)
        elif source == terminal:
            status = os.waitpid(pid, 0)[1]
            sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
        elif not data:
            sources.remove(0)
        else:
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                action = json.loads(line)
                if "type" in action:
                    os.write(terminal, action["type"].encode())
                elif "resize" in action:
                    resize(terminal, *action["resize"])
                else:
                    os.kill(pid, action["kill"])
