import resource

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
