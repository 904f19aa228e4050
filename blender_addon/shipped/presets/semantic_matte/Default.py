import bpy

settings = bpy.context.active_node.node_tree.semantic_matte

settings.passes = 4
settings.samples = 5
settings.dilation_outer = 0.05
settings.dilation_inner = 0.05
