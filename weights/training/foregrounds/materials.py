"""Cycles materials, each one function from colours to a new material."""

from __future__ import annotations

import colorsys

import bpy
import numpy as np

Colour = tuple[float, float, float]
# Linear albedo: black, browns, auburn, red, blondes, platinum, grey, white.
HAIR_COLOURS: tuple[Colour, ...] = (
    (0.012, 0.010, 0.009),
    (0.035, 0.02, 0.013),
    (0.09, 0.05, 0.028),
    (0.17, 0.07, 0.03),
    (0.34, 0.11, 0.035),
    (0.38, 0.22, 0.09),
    (0.55, 0.38, 0.19),
    (0.75, 0.65, 0.48),
    (0.3, 0.29, 0.28),
    (0.85, 0.84, 0.82),
)


def any_colour(rng: np.random.Generator, saturation: tuple[float, float] = (0, 0.9)) -> Colour:
    """A random linear colour."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(0.1, 0.95))
    return red**1.8, green**1.8, blue**1.8


def hair_colour(rng: np.random.Generator) -> Colour:
    """A natural hair colour, or in one of five a dyed one."""
    if rng.random() < 0.2:
        return any_colour(rng, (0.5, 1))
    base = np.array(HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))]) * rng.uniform(0.7, 1.3)
    return tuple(np.clip(base, 0.004, 0.92))


ALPHA_OUTPUT = "alpha"


def show_alpha() -> None:
    """Switch see-through materials to their exact alpha."""
    for material in bpy.data.materials:
        if material.use_nodes and ALPHA_OUTPUT in material.node_tree.nodes:
            material.node_tree.nodes[ALPHA_OUTPUT].is_active_output = True


class Nodes:
    """A new material's nodes, cleared but for the output."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.output = self.add("OutputMaterial")

    def add(self, kind: str, **inputs: object) -> bpy.types.Node:
        """A node ``ShaderNode<kind>`` with inputs set: by value, or linked where a socket is given."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in inputs.items():
            self.set(node.inputs[name.replace("_", " ")], value)
        return node

    def set(self, socket: bpy.types.NodeSocket, value: object) -> None:
        """Link or set an input; colours may be given without their fourth part."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif isinstance(value, tuple):
            socket.default_value = (*value, 1.0) if len(socket.default_value) == 4 else value
        else:
            socket.default_value = value

    def surface(self, socket: bpy.types.NodeSocket) -> bpy.types.Material:
        """Make a shader the material's surface; returns the finished material."""
        self.tree.links.new(socket, self.output.inputs["Surface"])
        return self.material

    def see_through(self, factor: object, shader: bpy.types.NodeSocket) -> bpy.types.Material:
        """The shader over nothing, by ``factor``; a second output, off until `show_alpha`, has the alpha alone.

        Cycles picks one closure of a mixture by chance, which is noise in alpha. Transparency and emission
        take no chance: added, they give each layer's part exactly.
        """
        clear = self.add("BsdfTransparent").outputs[0]
        lit = self.surface(self.mix_shaders(factor, clear, shader))
        rest = self.add("Invert", Color=factor)
        passing = self.add("BsdfTransparent", Color=rest.outputs[0])
        white = self.add("Emission", Strength=factor)
        both = self.add("AddShader")
        self.tree.links.new(passing.outputs[0], both.inputs[0])
        self.tree.links.new(white.outputs[0], both.inputs[1])
        second = self.add("OutputMaterial")
        second.name = ALPHA_OUTPUT
        self.tree.links.new(both.outputs[0], second.inputs["Surface"])
        self.output.is_active_output = True
        return lit

    def mix_shaders(
        self, factor: object, first: bpy.types.NodeSocket, second: bpy.types.NodeSocket
    ) -> bpy.types.NodeSocket:
        """The second shader over the first by ``factor``, a value or a socket."""
        node = self.tree.nodes.new("ShaderNodeMixShader")
        for socket, value in zip(node.inputs, (factor, first, second), strict=True):
            self.set(socket, value)
        return node.outputs[0]

    def varied(
        self, colour: object, value: bpy.types.NodeSocket, low: float, high: float
    ) -> bpy.types.NodeSocket:
        """The colour with its brightness scaled from ``low`` to ``high`` as ``value`` goes from 0 to 1."""
        scale = self.add("MapRange", Value=value, To_Min=low, To_Max=high)
        return self.add("HueSaturation", Color=colour, Value=scale.outputs[0]).outputs[0]


def strand(
    rng: np.random.Generator, colour: Colour, shine: float = 0.25, tip: Colour | None = None
) -> bpy.types.Material:
    """Fibres: brightness varies by strand, roots lie in shade, tips may have a colour of their own."""
    nodes = Nodes("strand")
    info = nodes.add("HairInfo")
    base: object = colour
    if tip is not None:
        ramp = nodes.add("ValToRGB", Fac=info.outputs["Intercept"])
        ramp.color_ramp.elements[0].color = (*colour, 1)
        ramp.color_ramp.elements[0].position = float(rng.uniform(0.1, 0.6))
        ramp.color_ramp.elements[1].color = (*tip, 1)
        base = ramp.outputs[0]
    spread = rng.uniform(0.1, 0.5)
    base = nodes.varied(base, info.outputs["Random"], 1 - spread, 1 + spread)
    # Strands cast no shadows on each other (rays through hair cost most of a render): this stands for them.
    base = nodes.varied(base, info.outputs["Intercept"], rng.uniform(0.25, 0.7), 1.0)
    diffuse = nodes.add("BsdfDiffuse", Color=base)
    gloss = nodes.add(
        "BsdfHair", Color=tuple(min(1.0, c * 0.6 + 0.35) for c in colour), RoughnessU=0.4, RoughnessV=0.6
    )
    return nodes.surface(nodes.mix_shaders(shine, diffuse.outputs[0], gloss.outputs[0]))


def melanin(rng: np.random.Generator) -> bpy.types.Material:
    """Chiang et al. 2016's hair, by melanin."""
    nodes = Nodes("melanin")
    hair = nodes.tree.nodes.new("ShaderNodeBsdfHairPrincipled")
    hair.model = "CHIANG"
    hair.parametrization = "MELANIN"
    for name, value in {
        "Melanin": rng.beta(1, 1.6),
        "Melanin Redness": rng.random(),
        "Random Color": 0.3,
        "Roughness": rng.uniform(0.2, 0.5),
        "Radial Roughness": rng.uniform(0.3, 0.8),
    }.items():
        hair.inputs[name].default_value = value
    return nodes.surface(hair.outputs[0])


def solid(
    rng: np.random.Generator, colour: Colour, roughness: float = 0.6, metallic: float = 0.0
) -> bpy.types.Material:
    """Opaque, mottled at a random scale."""
    nodes = Nodes("solid")
    position = nodes.add("TexCoord").outputs["Object"]
    noise = nodes.add("TexNoise", Vector=position, Scale=float(np.exp(rng.uniform(0.5, 4))), Detail=4.0)
    varied = nodes.varied(colour, noise.outputs["Fac"], rng.uniform(0.3, 0.9), rng.uniform(1.1, 1.6))
    shader = nodes.add("BsdfPrincipled", Base_Color=varied, Roughness=roughness, Metallic=metallic)
    return nodes.surface(shader.outputs[0])


def cloth(rng: np.random.Generator) -> bpy.types.Material:
    """Opaque weave, striped or checked or plain."""
    nodes = Nodes("cloth")
    position = nodes.add("TexCoord").outputs["UV"]
    first, second = any_colour(rng), any_colour(rng)
    pattern = rng.integers(3)
    base: object = first
    if pattern == 0:
        base = nodes.add(
            "TexChecker", Vector=position, Color1=first, Color2=second, Scale=float(rng.uniform(4, 40))
        )
        base = base.outputs["Color"]
    elif pattern == 1:
        wave = nodes.add(
            "TexWave", Vector=position, Scale=float(rng.uniform(1, 12)), Distortion=float(rng.uniform(0, 6))
        )
        mix = nodes.add("MixRGB", Fac=wave.outputs["Fac"], Color1=first, Color2=second)
        base = mix.outputs[0]
    weave = nodes.add("TexNoise", Vector=position, Scale=float(rng.uniform(60, 300)), Detail=2.0)
    base = nodes.varied(base, weave.outputs["Fac"], 0.6, 1.3)
    return nodes.surface(nodes.add("BsdfPrincipled", Base_Color=base, Roughness=0.9).outputs[0])


def leaf(rng: np.random.Generator, colour: Colour) -> bpy.types.Material:
    """Two-sided leaves: light shines through; attribute ``tint`` varies brightness."""
    nodes = Nodes("leaf")
    tint = nodes.add("Attribute")
    tint.attribute_name = "tint"
    base = nodes.varied(colour, tint.outputs["Fac"], 0.5, 1.5)
    through = nodes.add("BsdfTranslucent", Color=base)
    shader = nodes.add("BsdfPrincipled", Base_Color=base, Roughness=float(rng.uniform(0.25, 0.8)))
    return nodes.surface(nodes.mix_shaders(0.35, shader.outputs[0], through.outputs[0]))


def veil(rng: np.random.Generator) -> bpy.types.Material:
    """Sheer cloth: denser where it is seen aslant, as crossed threads are."""
    nodes = Nodes("veil")
    position = nodes.add("TexCoord").outputs["UV"]
    facing = nodes.add("LayerWeight", Blend=0.5).outputs["Facing"]
    noise = nodes.add("TexNoise", Vector=position, Scale=float(rng.uniform(4, 60)), Detail=3.0)
    dense = nodes.add("MapRange", Value=facing, To_Min=float(rng.uniform(0.06, 0.4)), To_Max=1.0)
    speck = nodes.add("MapRange", Value=noise.outputs["Fac"], To_Min=0.5, To_Max=1.5)
    factor = nodes.add("Math")
    factor.operation = "MULTIPLY"
    factor.use_clamp = True
    nodes.set(factor.inputs[0], dense.outputs[0])
    nodes.set(factor.inputs[1], speck.outputs[0])
    colour = any_colour(rng, (0, 0.6))
    thread = nodes.mix_shaders(
        0.5,
        nodes.add("BsdfDiffuse", Color=colour).outputs[0],
        nodes.add("BsdfTranslucent", Color=colour).outputs[0],
    )
    return nodes.see_through(factor.outputs[0], thread)


def film(rng: np.random.Generator) -> bpy.types.Material:
    """Thin glass or plastic without refraction: clear, tinted at grazing angles, with highlights.

    Refraction would put the (absent) background's shape into the picture; matting has no place for that.
    """
    nodes = Nodes("film")
    facing = nodes.add("LayerWeight", Blend=float(rng.uniform(0.3, 0.7))).outputs["Facing"]
    noise = nodes.add(
        "TexNoise", Vector=nodes.add("TexCoord").outputs["Object"], Scale=float(rng.uniform(1, 8))
    )
    low = float(rng.uniform(0.03, 0.25))
    dense = nodes.add("MapRange", Value=facing, To_Min=low, To_Max=float(rng.uniform(0.7, 1.0)))
    smear = nodes.add("MapRange", Value=noise.outputs["Fac"], To_Min=0.6, To_Max=1.3)
    factor = nodes.add("Math")
    factor.operation = "MULTIPLY"
    factor.use_clamp = True
    nodes.set(factor.inputs[0], dense.outputs[0])
    nodes.set(factor.inputs[1], smear.outputs[0])
    gloss = nodes.add(
        "BsdfPrincipled", Base_Color=any_colour(rng, (0, 0.7)), Roughness=float(rng.uniform(0.05, 0.35))
    )
    gloss.inputs["Specular IOR Level"].default_value = 0.9
    return nodes.see_through(factor.outputs[0], gloss.outputs[0])


def smoke_card(rng: np.random.Generator, seed: float, density: float, colour: Colour) -> bpy.types.Material:
    """Slices of a noise density (W is ``seed``): attribute ``fade`` shapes it, turbulence tears it."""
    nodes = Nodes("smoke")
    fade = nodes.add("Attribute")
    fade.attribute_name = "fade"
    noise = nodes.tree.nodes.new("ShaderNodeTexNoise")
    noise.noise_dimensions = "4D"
    for name, value in {
        "Vector": nodes.add("TexCoord").outputs["Object"],
        "W": seed,
        "Detail": 4.0,
        "Scale": float(rng.uniform(0.8, 3)),
        "Distortion": float(rng.uniform(0, 1.5)),
        "Roughness": float(rng.uniform(0.45, 0.65)),
    }.items():
        nodes.set(noise.inputs[name], value)
    total = nodes.add("Math")
    tear = float(rng.uniform(0.5, 1.1))
    torn = nodes.add(
        "MapRange", Value=noise.outputs["Fac"], From_Min=0.3, From_Max=0.7, To_Min=-tear, To_Max=tear
    )
    nodes.set(total.inputs[0], torn.outputs[0])
    nodes.set(total.inputs[1], fade.outputs["Fac"])
    dense = nodes.add("MapRange", Value=total.outputs[0], From_Max=1.3, To_Max=density)
    dense.interpolation_type = "SMOOTHSTEP"
    shade = nodes.varied(colour, noise.outputs["Fac"], 0.5, 1.5)
    both = nodes.mix_shaders(
        0.5,
        nodes.add("BsdfDiffuse", Color=shade).outputs[0],
        nodes.add("BsdfTranslucent", Color=shade).outputs[0],
    )
    return nodes.see_through(dense.outputs[0], both)


def emission() -> bpy.types.Material:
    """White light: what the alpha pass puts on everything."""
    nodes = Nodes("emission")
    return nodes.surface(nodes.add("Emission").outputs[0])
