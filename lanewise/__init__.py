"""The application: command line, wiring of the stack, run folders, reports; shipped scenarios and maps."""

from lanewise.cache import keep_kernels_in_cache
from lanewise.threads import one_thread_for_algebra

keep_kernels_in_cache()
one_thread_for_algebra()
