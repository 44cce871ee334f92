"""The application: command line, wiring of the stack, run folders, reports; shipped scenarios and maps."""

from lanewise.cache import keep_kernels_in_cache

keep_kernels_in_cache()
