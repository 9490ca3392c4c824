import argparse

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--rate", type=float, required=True)
        parser.parse_args()
