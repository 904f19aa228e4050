"""Many frames: motion between them, objects tied over them, and edges steadied by their neighbours."""
