import gc
import logging

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        logging.disable(logging.CRITICAL)
        gc.disable()
