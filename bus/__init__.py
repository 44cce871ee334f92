"""Message types, envelope, topic table, ordered executor, codec and recording: what the parts of the stack share."""
