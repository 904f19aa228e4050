"""Parts of `render_foregrounds.py`: shapes in numpy, a Blender stage, and pictures with exact alpha."""
