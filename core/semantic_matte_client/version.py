"""The version of client and engine, which travel together; a test fails while they differ."""

VERSION = "0.1.0"
