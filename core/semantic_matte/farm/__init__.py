"""A shot as a job of a render farm: an OpenJD bundle, and the worker of a farm host's session."""
