"""A Blender scene that is filled, lit, filmed and emptied again in one process. Needs `bpy` (made with 4.5)."""

from __future__ import annotations

import base64
import math
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

from . import materials
from .plan import Plan

DISTANCE = 6.0
_EMPTIED = ("objects", "meshes", "hair_curves", "materials", "lights", "cameras", "worlds", "actions")


class Stage:
    """One scene. Builders put strands and meshes on it; the camera looks along +y, z is up."""

    def __init__(self, size: int, threads: int, hdri: Path | None) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        self.size = size
        self.pixel = 1.0
        self._blurred = False
        self._scratch = Path(tempfile.mkdtemp(prefix="foregrounds-"))
        self._hdris = _environment_files(hdri, self._scratch) if hdri else []
        render, cycles = self.scene.render, self.scene.cycles
        render.engine = "CYCLES"
        render.resolution_x = render.resolution_y = size
        render.film_transparent = True
        render.threads_mode, render.threads = "FIXED", threads
        render.use_persistent_data = True
        render.image_settings.file_format = "OPEN_EXR"
        render.image_settings.color_mode, render.image_settings.color_depth = "RGBA", "32"
        render.filepath = str(self._scratch / "frame.exr")
        cycles.device = "CPU"
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 1
        cycles.transmission_bounces, cycles.transparent_max_bounces = 1, 48
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.use_denoising = False
        cycles.sample_clamp_indirect, cycles.sample_clamp_direct = 4.0, 16.0
        cycles.adaptive_threshold = 0.02
        # A handful of lamps: choosing among them by tree costs a quarter of the colour pass and gains nothing.
        cycles.use_light_tree = False

    def empty(self) -> None:
        """Take everything off; loaded environment pictures stay."""
        for name in _EMPTIED:
            bpy.data.batch_remove(list(getattr(bpy.data, name)))

    def strands(self, paths: np.ndarray, radii: np.ndarray, material: bpy.types.Material) -> None:
        """Curves (N, K, 3) with radii (N, K), scene units, without shadows on each other."""
        count, steps = paths.shape[:2]
        curves = bpy.data.hair_curves.new("strands")
        curves.add_curves([steps] * count)
        curves.position_data.foreach_set("vector", paths.astype(np.float32).ravel())
        radius = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
        radius.data.foreach_set("value", np.broadcast_to(radii, (count, steps)).astype(np.float32).ravel())
        curves.materials.append(material)
        _camera_only(self._place(curves))
        # With a second user, out of sight, Cycles makes the strands an instance, and rays that are not to see
        # them skip them as one; else each such ray walks through all the strands' boxes.
        away = self._place(curves)
        away.location = (0, -1000, 0)
        _camera_only(away)

    def mesh(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        material: bpy.types.Material,
        uv: np.ndarray | None = None,
        **attributes: np.ndarray,
    ) -> None:
        """Smooth mesh of vertices (V, 3) and quads (F, 4); uv (V, 2) and float attributes (V,) by vertex."""
        mesh = bpy.data.meshes.new("mesh")
        mesh.from_pydata(vertices.tolist(), [], faces.tolist())
        mesh.shade_smooth()
        if uv is not None:
            layer = mesh.uv_layers.new(name="UVMap")
            corners = np.empty(len(mesh.loops), np.int32)
            mesh.loops.foreach_get("vertex_index", corners)
            layer.uv.foreach_set("vector", uv[corners].astype(np.float32).ravel())
        for name, values in attributes.items():
            mesh.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", values.astype(np.float32))
        mesh.materials.append(material)
        placed = self._place(mesh)
        if materials.ALPHA_OUTPUT in material.node_tree.nodes:
            _camera_only(placed)

    def _place(self, data: bpy.types.ID) -> bpy.types.Object:
        placed = bpy.data.objects.new(data.name, data)
        self.scene.collection.objects.link(placed)
        return placed

    def light(self, rng: np.random.Generator) -> None:
        """A world (a picture or a sky gradient) and one to three lamps of different warmth."""
        world = bpy.data.worlds.new("world")
        self.scene.world = world
        world.use_nodes = True
        world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
        tree = world.node_tree
        background = tree.nodes["Background"]
        colour = self._picture(tree, rng) if self._hdris and rng.random() < 0.7 else _gradient(tree, rng)
        tree.links.new(colour, background.inputs["Color"])
        background.inputs["Strength"].default_value = rng.uniform(0.3, 1.2)
        sides = [rng.uniform(-1.2, 1.2)] + [rng.uniform(1.8, 4.5) for _ in range(rng.integers(0, 3))]
        for azimuth in sides:
            lamp = bpy.data.lights.new("lamp", "SUN" if rng.random() < 0.4 else "AREA")
            warmth = rng.uniform(-0.4, 0.4)
            lamp.color = (1 + warmth, 1.0, 1 - warmth)
            direction = Vector((math.sin(azimuth), -math.cos(azimuth), rng.uniform(-0.1, 1.4))).normalized()
            if lamp.type == "SUN":
                lamp.energy, lamp.angle = rng.uniform(0.8, 4), rng.uniform(0.01, 0.4)
            else:
                lamp.energy, lamp.size = rng.uniform(80, 500), rng.uniform(0.5, 4)
            placed = self._place(lamp)
            placed.location = direction * 5
            placed.rotation_euler = (-direction).to_track_quat("-Z", "Y").to_euler()

    def _picture(self, tree: bpy.types.NodeTree, rng: np.random.Generator) -> bpy.types.NodeSocket:
        path = self._hdris[rng.integers(len(self._hdris))]
        texture = tree.nodes.new("ShaderNodeTexEnvironment")
        texture.image = bpy.data.images.load(str(path), check_existing=True)
        turn = tree.nodes.new("ShaderNodeMapping")
        turn.inputs["Rotation"].default_value = (0, 0, rng.uniform(0, 2 * math.pi))
        tree.links.new(tree.nodes.new("ShaderNodeTexCoord").outputs["Generated"], turn.inputs["Vector"])
        tree.links.new(turn.outputs[0], texture.inputs["Vector"])
        light = tree.nodes.new("ShaderNodeVectorMath")
        light.operation = "MAXIMUM"
        tree.links.new(texture.outputs["Color"], light.inputs[0])
        return light.outputs[0]

    def film(self, plan: Plan, target: np.ndarray, rng: np.random.Generator) -> None:
        """Aim a camera whose frame is ``plan.width`` wide at ``target`` (3,), with the plan's blur."""
        camera = bpy.data.cameras.new("camera")
        placed = self._place(camera)
        self.scene.camera = placed
        camera.angle = 2 * math.atan(plan.width / 2 / DISTANCE)
        azimuth, height = rng.uniform(-0.5, 0.5), rng.uniform(-0.25, 0.4)
        away = Vector((math.sin(azimuth), -math.cos(azimuth), height)).normalized()
        placed.location = Vector(target) + away * DISTANCE
        turned = (-away).to_track_quat("-Z", "Y").to_matrix() @ Euler((0, 0, plan.roll)).to_matrix()
        placed.rotation_euler = turned.to_euler()
        self.scene.frame_set(1)
        self._blurred = plan.blur != "none"
        self.scene.render.use_motion_blur = plan.blur == "motion"
        if plan.blur == "motion":
            self._shake(placed, plan, turned, rng)
        if plan.blur == "defocus":
            self._defocus(camera, plan, rng)

    def _shake(self, placed: bpy.types.Object, plan: Plan, turned: Matrix, rng: np.random.Generator) -> None:
        """Move the camera by ``blur_pixels`` while the shutter is open: to the film, the object moves."""
        self.scene.render.motion_blur_shutter = 1.0
        angle = rng.uniform(0, 2 * math.pi)
        # The shutter is open for half of the way between the two keys.
        half = turned @ Vector((math.cos(angle), math.sin(angle), 0)) * plan.blur_pixels * self.pixel
        middle, straight = placed.location.copy(), placed.rotation_euler.copy()
        roll = rng.normal(0, 0.02) * (rng.random() < 0.4)
        for frame, sign in ((0, -1), (2, 1)):
            placed.location = middle + half * sign
            placed.rotation_euler = (
                straight.to_matrix() @ Euler((0, 0, 2 * sign * roll)).to_matrix()
            ).to_euler()
            placed.keyframe_insert("location", frame=frame)
            placed.keyframe_insert("rotation_euler", frame=frame)
        for curve in placed.animation_data.action.fcurves:
            for key in curve.keyframe_points:
                key.interpolation = "LINEAR"
        self.scene.frame_set(1)

    def _defocus(self, camera: bpy.types.Camera, plan: Plan, rng: np.random.Generator) -> None:
        """Put the focus before or behind, so that what lies at the target is ``blur_pixels`` wide."""
        focus = DISTANCE + rng.choice([-1, 1]) * rng.uniform(0.4, 1.2)
        aperture = plan.blur_pixels * self.pixel * focus / abs(DISTANCE - focus)
        camera.dof.use_dof = True
        camera.dof.focus_distance = focus
        camera.dof.aperture_fstop = camera.lens / 1000 / aperture
        camera.dof.aperture_blades = int(rng.choice([0, 0, 6, 8]))

    def render(self, samples: int, see_through: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Premultiplied linear colour (H, W, 3) with its own alpha (H, W), and the alpha to keep (H, W).

        Alpha has a pass of its own, where all is white or shows its part of alpha: no ray but the camera's is
        needed, so samples are cheap, and the sampler's noise estimate, which looks at colour, is then alpha's.
        """
        cycles, layer = self.scene.cycles, self.scene.view_layers[0]
        cycles.use_adaptive_sampling = False
        cycles.samples = max(6, samples // 14)
        cycles.max_bounces = 1
        colour = self._frame()
        if see_through:
            materials.show_alpha()
        else:
            layer.material_override = materials.emission()
        cycles.use_adaptive_sampling = True
        # Lens and shutter are two more dimensions to sample. Layers of see-through things are exact in every
        # sample: only edges, few there, need many.
        plain = samples // 3 if see_through else samples
        cycles.samples = samples * 4 // 3 if self._blurred else plain
        cycles.adaptive_min_samples = min(8 if see_through else 16, samples)
        cycles.max_bounces = 0
        alpha = self._frame()[..., 3]
        layer.material_override = None
        return colour[..., :3], colour[..., 3], alpha

    def _frame(self) -> np.ndarray:
        """(H, W, 4) float32, at least 0, premultiplied, linear, top row first."""
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(self.scene.render.filepath)
        values = np.empty(self.size * self.size * 4, np.float32)
        image.pixels.foreach_get(values)
        bpy.data.images.remove(image)
        # Environment pictures have rung below 0 around their lamps.
        return np.maximum(np.nan_to_num(values.reshape(self.size, self.size, 4)[::-1]), 0)


def _camera_only(placed: bpy.types.Object) -> None:
    """Hide from all rays but the camera's: those from strand to strand take most of a render's time."""
    placed.visible_shadow = placed.visible_diffuse = placed.visible_glossy = placed.visible_transmission = False


def _gradient(tree: bpy.types.NodeTree, rng: np.random.Generator) -> bpy.types.NodeSocket:
    """A sky from ground over horizon to zenith."""
    split = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(tree.nodes.new("ShaderNodeTexCoord").outputs["Generated"], split.inputs[0])
    shift = tree.nodes.new("ShaderNodeMapRange")
    shift.inputs["From Min"].default_value = -1
    tree.links.new(split.outputs["Z"], shift.inputs["Value"])
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    tree.links.new(shift.outputs[0], ramp.inputs[0])
    ramp.color_ramp.elements.new(0.5)
    for element, brightness in zip(ramp.color_ramp.elements, (0.3, 1.0, 0.8), strict=True):
        element.color = (*np.array(materials.any_colour(rng, (0, 0.5))) * brightness, 1)
    return ramp.outputs["Color"]


def _environment_files(folder: Path, scratch: Path) -> list[Path]:
    """Pictures of surroundings in a folder: EXR, HDR, or EXR as base64 in a script (npm `@pmndrs/assets`)."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix in (".exr", ".hdr")]
    for path in sorted(folder.glob("*.exr.js")):
        coded = path.read_text(encoding="ascii").partition("base64,")[2].rstrip().rstrip(";").rstrip("'\"")
        target = scratch / path.name.removesuffix(".js")
        target.write_bytes(base64.b64decode(coded))
        found.append(target)
    return found
