import bpy

settings = bpy.context.active_node.node_tree.semantic_matte

settings.passes = 6
settings.samples = 9
settings.dilation_outer = 0.12
settings.dilation_inner = 0.08
