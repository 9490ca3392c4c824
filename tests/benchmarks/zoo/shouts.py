from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        for _ in range(40_000):
            print("x" * 60)
        print("\33[31mthe end\33[0m")
        raise ValueError("hoarse")
