from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        input("your name? ")
