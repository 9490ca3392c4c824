import multiprocessing
import os
import subprocess
import time
from pathlib import Path

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
        child.start()
        other = subprocess.Popen(["sleep", "1000"])
        apart = subprocess.Popen(
            ["sh", "-c", "sleep 1000 & exec sleep 1000"], start_new_session=True
        )
        Path(os.environ["SYMBENCH_TEST_NOTES"]).write_text(f"{child.pid} {other.pid} {apart.pid}")
        time.sleep(float(os.environ.get("SYMBENCH_TEST_STAY", "0")))
