"""suspend.py SECONDS TIMES COMMAND...: stops a program as Ctrl-Z does, each time
for SECONDS while it prints, and lets it go on. Exits as it does."""

import signal
import subprocess
import sys
import time

seconds, times, command = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
program = subprocess.Popen(command, stdout=subprocess.PIPE)
text = b""
for _ in range(times):
    piece = program.stdout.read(16)
    if not piece:
        sys.exit("suspend.py: the program ended too early")
    text += piece
    program.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    program.send_signal(signal.SIGCONT)
text += program.stdout.read()
sys.stdout.buffer.write(text)
sys.exit(program.wait())
