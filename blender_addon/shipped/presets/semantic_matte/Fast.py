import bpy

settings = bpy.context.active_node.node_tree.semantic_matte

settings.passes = 2
settings.samples = 1
settings.dilation_outer = 0.05
settings.dilation_inner = 0.05
