"""One backend for every net and heavy kernel: model store, engines, optimiser, server."""
