"""Wire format: `lanewise.proto` and the modules generated from it (`python -m bus.proto.generate`)."""
