"""What a run writes: one file here for each kind of result, all of them renamed into place whole."""
