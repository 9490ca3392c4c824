import os
import tempfile

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)  # which is gone when the method returns
